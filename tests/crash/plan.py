"""What will be done to the system, and when: drawn from a seed, before anything runs. Pure.

The same seed and options give the same plan. What the processes are doing when a step comes is chance.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Final

from tests.crash.steps import (
    IN_SESSIONS,
    LIVEINTENT_OUTAGES,
    MOST_TIMES,
    ON_A_REPLICA,
    ONE_AT_A_TIME,
    REBALANCING,
    SHORTEST_AND_LONGEST,
    Action,
    Step,
)

REPLICAS: Final = 2
AUDIENCES_IN_A_WAVE: Final = 3
# Each new wave has audiences nobody has met, and a schema nobody has read. Short, so that whatever goes wrong in one
# stays wrong: nobody in it changes again.
WAVE_SECONDS: Final = 5.0
# So few people that most changes are followed by another one of the same member within seconds.
EVENTS_FOR_A_PERSON: Final = 12

# What is drawn: one step, or several that are worst shortly after one another.
_CARDS: Final[tuple[tuple[Action, ...], ...]] = (
    *((action,) for action in Action),
    (Action.KILL,),
    (Action.KILL,),
    (Action.STOP,),
    (Action.VISIT,),
    (Action.LONG_PAUSE,),
    (Action.LATE_UPLOADS, Action.KILL),
    (Action.LATE_UPLOADS, Action.LONG_PAUSE),
    (Action.LATE_UPLOADS, Action.STOP),
    (Action.LOST_ANSWERS, Action.KILL),
    (Action.STUCK_UPLOADS, Action.VISIT),
    (Action.SLOWNESS, Action.LONG_PAUSE),
    (Action.SERVER_ERRORS, Action.LONG_PAUSE),
)
_SHORTLY_SECONDS = 0.6
_LOOK_AGAIN_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What the plan may ask for. `session_seconds` is the group's session time-out."""

    seconds: float
    session_seconds: float
    events_per_second: int
    long_pauses: bool = True
    """Whether a replica may be paused for longer than its session."""
    create_faults: bool = False
    """Whether creates may fail: settling one of unknown outcome takes a minute."""
    seconds_between_steps: float = 1.0
    quiet_seconds: float = 1.5
    """Before the first step."""

    def __post_init__(self) -> None:
        if self.seconds <= self.quiet_seconds:
            message = f"a run must take more than {self.quiet_seconds:g} seconds"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A stretch of the feed with audiences of its own."""

    seed: int
    audiences: tuple[str, ...]
    events: int
    people: int
    undecodable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is decided beforehand. Steps are in the order they begin."""

    seed: int
    options: PlanOptions
    steps: tuple[Step, ...]
    waves: tuple[Wave, ...]

    @property
    def audiences(self) -> tuple[str, ...]:
        return tuple(name for wave in self.waves for name in wave.audiences)

    @property
    def events(self) -> int:
        return sum(wave.events for wave in self.waves)


def make_plan(seed: int, options: PlanOptions) -> Plan:
    """Draw a plan. All cards come up before one comes up again."""
    waves = tuple(_waves(seed, options))
    steps = tuple(_Dealer(Random(seed), options, waves).steps())
    return Plan(seed=seed, options=options, steps=steps, waves=waves)


def _waves(seed: int, options: PlanOptions) -> Iterator[Wave]:
    count = max(1, round(options.seconds / WAVE_SECONDS))
    events = round(options.seconds * options.events_per_second) // count
    for number in range(count):
        yield Wave(
            seed=seed * 1_000 + number,
            audiences=tuple(f"wave_{number}_{i}" for i in range(AUDIENCES_IN_A_WAVE)),
            events=events,
            people=max(20, events // EVENTS_FOR_A_PERSON),
            undecodable=1,
        )


class _Dealer:
    """Draws card after card. One that cannot be played yet is put back and comes up later."""

    def __init__(self, randomness: Random, options: PlanOptions, waves: tuple[Wave, ...]) -> None:
        self._randomness = randomness
        self._options = options
        self._deck: list[tuple[Action, ...]] = []
        self._free_at: dict[object, float] = {}
        # A file that is lost twice is waited for until somebody asks LiveIntent: by design, and no use here.
        self._never_lost = [list(wave.audiences) for wave in waves]

    def steps(self) -> Iterator[Step]:
        at = self._options.quiet_seconds
        while at < self._options.seconds:
            card = self._next_card()
            if any(self._free_at.get(_what(action), 0.0) > at for action in card):
                self._deck.insert(0, card)
                at = self._after(at, _LOOK_AGAIN_SECONDS)
                continue
            for action in card:
                step = self._draw(action, at) if at < self._options.seconds else None
                if step is not None:
                    self._note(step)
                    yield step
                at = self._after(at, _SHORTLY_SECONDS)
            at = self._after(at, self._options.seconds_between_steps)

    def _next_card(self) -> tuple[Action, ...]:
        if not self._deck:
            self._deck = list(_CARDS)
            self._randomness.shuffle(self._deck)
        return self._deck.pop()

    def _after(self, at: float, seconds: float) -> float:
        return round(at + seconds * self._randomness.uniform(0.3, 1.7), 2)

    def _note(self, step: Step) -> None:
        what = _what(step.action)
        settling = _SETTLING_SECONDS.get(what, 0.1)
        if what == REBALANCING:
            settling = self._options.session_seconds
        self._free_at[what] = max(self._free_at.get(what, 0.0), step.ends_at_seconds + settling)

    def _draw(self, action: Action, at: float) -> Step | None:
        """One step, or None where there is nothing to do. Draws as many numbers either way."""
        luck, times, place = (self._randomness.random() for _ in range(3))
        replica = self._randomness.randrange(REPLICAS)
        shortest, longest = SHORTEST_AND_LONGEST.get(action, (0.0, 0.0))
        unit = self._options.session_seconds if action in IN_SESSIONS else 1.0
        if action is Action.LONG_PAUSE and not self._options.long_pauses:
            return None
        audience = None
        if action is Action.LOST_UPLOAD:
            wave = min(
                int(at / self._options.seconds * len(self._never_lost)), len(self._never_lost) - 1
            )
            audiences = self._never_lost[wave]
            if not audiences:
                return None
            audience = audiences.pop(int(place * len(audiences)))
        return Step(
            at_seconds=at,
            action=action,
            seconds=round(unit * (shortest + luck * (longest - shortest)), 2),
            replica=replica if action in ON_A_REPLICA else None,
            times=1 + int(times * MOST_TIMES.get(action, 1)),
            audience=audience,
        )


def _what(action: Action) -> object:
    """What a step of this kind has to itself while it lasts, and until it has settled."""
    if action in REBALANCING or action in ON_A_REPLICA:
        return REBALANCING
    if action in LIVEINTENT_OUTAGES:
        return LIVEINTENT_OUTAGES
    return action if action in ONE_AT_A_TIME else object()


# A group that is shared out again before it has settled does nothing, nor does anybody while a circuit is open: what is to
# go wrong needs something in flight.
_SETTLING_SECONDS: Final[Mapping[object, float]] = MappingProxyType(
    {LIVEINTENT_OUTAGES: 6.0, Action.BROKER_RESTART: 4.0}
)
