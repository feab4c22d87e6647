"""How each step of a plan is begun and ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from consumer.sandbox.liveintent_server import BodyShape, Fault, FaultKind, Operation
from tests.crash.feeder import Feeder
from tests.crash.plan import PlanOptions
from tests.crash.replicas import Replica, State
from tests.crash.steps import ON_A_REPLICA, VISITS, Action, Step
from tests.crash.world import CrashWorld

End = Callable[[], bool]
"""Ends what was begun. False: not yet, ask again soon."""

_BUT_CREATE: Final = tuple(each for each in Operation if each is not Operation.CREATE)
_RETRY_AFTER_SECONDS = 1
_SLOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Stage:
    """Whom the steps act on. The replicas of the plan, then the visitor."""

    world: CrashWorld
    feeder: Feeder
    replicas: Sequence[Replica]
    options: PlanOptions

    @property
    def visitor(self) -> Replica:
        return self.replicas[-1]


def begin(step: Step, stage: Stage) -> End | None:
    """Begin a step; returns what ends it, or None when it could not be done: its replica is on the way out."""
    if step.replica is not None and stage.replicas[step.replica].state is not State.RUNNING:
        return None
    if step.action in VISITS and stage.visitor.state is not State.DOWN:
        return None
    if step.action in ON_A_REPLICA | VISITS:
        return _begin_on_replica(step, stage)
    if step.action in _OWN_WAYS:
        return _OWN_WAYS[step.action](step, stage)
    faults = faults_of(step, stage.options)
    stage.world.add_faults(faults)
    return _then(lambda: stage.world.end_faults(faults))


def faults_of(step: Step, options: PlanOptions) -> list[Fault]:
    """What a step of LiveIntent's has it do wrong."""
    operations = tuple(Operation) if options.create_faults else _BUT_CREATE
    return [
        replace(fault, operation=operation)
        for fault in [_FAULTS[step.action](step)]
        for operation in _OPERATIONS.get(step.action, operations)
    ]


def _begin_on_replica(step: Step, stage: Stage) -> End:
    replica = stage.visitor if step.replica is None else stage.replicas[step.replica]
    match step.action:
        case Action.KILL:
            replica.kill()
            return _then(replica.start)
        case Action.STOP:
            replica.stop()
            return lambda: _start_when_gone(replica)
        case Action.VISIT:
            replica.start()
            return _then(lambda: _if_running(replica, replica.stop))
        case Action.KILLED_VISIT:
            replica.start()
            return _then(lambda: _if_running(replica, replica.kill))
        case _:
            replica.pause()
            return _then(replica.go_on)


def _start_when_gone(replica: Replica) -> bool:
    if replica.state is State.STOPPING:
        return False
    if replica.state is State.DOWN:
        replica.start()
    return True


def _if_running(replica: Replica, act: Callable[[], None]) -> None:
    if replica.state is State.RUNNING:
        act()


def _restart_broker(_step: Step, stage: Stage) -> End:
    stage.feeder.hold()
    stage.world.stop_broker()

    def end() -> None:
        stage.world.start_broker()
        stage.feeder.release()

    return _then(end)


def _refuse_connections(_step: Step, stage: Stage) -> End:
    stage.world.close_liveintent()
    return _then(stage.world.open_liveintent)


def _rotate_token(_step: Step, stage: Stage) -> End:
    stage.world.rotate_token()
    return _then(stage.world.hand_out_token)


def _break_registry(_step: Step, stage: Stage) -> End:
    stage.world.break_registry(503)
    return _then(stage.world.mend_registry)


_OWN_WAYS: Final[Mapping[Action, Callable[[Step, Stage], End]]] = MappingProxyType(
    {
        Action.BROKER_RESTART: _restart_broker,
        Action.REFUSED_CONNECTIONS: _refuse_connections,
        Action.TOKEN_ROTATION: _rotate_token,
        Action.REGISTRY_OUTAGE: _break_registry,
    }
)


def _then(act: Callable[[], object]) -> End:
    def end() -> bool:
        act()
        return True

    return end


def _status(status: int, *, retry_after: float | None = None, times: int | None = None) -> Fault:
    return Fault(
        kind=FaultKind.STATUS,
        status=status,
        retry_after=retry_after,
        times=times,
        body=BodyShape.WRAPPED,
    )


_FAULTS: Final[Mapping[Action, Callable[[Step], Fault]]] = MappingProxyType(
    {
        Action.RESET_CONNECTIONS: lambda _: Fault(kind=FaultKind.RESET),
        Action.SERVER_ERRORS: lambda _: _status(503),
        Action.SERVER_BLIP: lambda step: _status(502, times=step.times),
        Action.RATE_LIMIT: lambda _: _status(429, retry_after=_RETRY_AFTER_SECONDS),
        Action.STORAGE_FAILURES: lambda _: _status(500),
        Action.SLOWNESS: lambda _: Fault(kind=FaultKind.DELAY_SECONDS, delay_seconds=_SLOW_SECONDS),
        Action.REFUSED_TOKEN: lambda _: Fault(kind=FaultKind.UNAUTHORIZED_WRAPPED),
        Action.UPLOAD_ERROR: lambda step: Fault(kind=FaultKind.UPLOAD_ERROR, times=step.times),
        Action.LATE_UPLOADS: lambda step: Fault(
            kind=FaultKind.SLOW_UPLOAD, times=step.times, delay_seconds=step.seconds
        ),
        Action.STUCK_UPLOADS: lambda step: Fault(kind=FaultKind.STUCK, times=step.times),
        Action.LOST_UPLOAD: lambda step: Fault(
            kind=FaultKind.NEVER_LISTED, times=1, audience=step.audience
        ),
        Action.LOST_ANSWERS: lambda step: Fault(
            kind=FaultKind.RESET_AFTER_EFFECT, times=step.times
        ),
        Action.SHUFFLED_LISTS: lambda _: Fault(kind=FaultKind.REORDER_UPLOADS),
    }
)
_STORE = (Operation.STORE,)
# Where it is not all of them.
_OPERATIONS: Final[Mapping[Action, tuple[Operation, ...]]] = MappingProxyType(
    {
        Action.SERVER_BLIP: (Operation.MINT, Operation.STORE, Operation.UPLOADS),
        Action.RATE_LIMIT: _BUT_CREATE,
        Action.STORAGE_FAILURES: _STORE,
        Action.SLOWNESS: tuple(Operation),
        Action.REFUSED_TOKEN: tuple(
            each for each in Operation if each not in (Operation.STORE, Operation.COLLECT)
        ),
        Action.UPLOAD_ERROR: _STORE,
        Action.LATE_UPLOADS: _STORE,
        Action.STUCK_UPLOADS: _STORE,
        Action.LOST_UPLOAD: _STORE,
        Action.LOST_ANSWERS: (Operation.STORE, Operation.MINT, Operation.CREATE),
        Action.SHUFFLED_LISTS: (Operation.UPLOADS,),
    }
)
