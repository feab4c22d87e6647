"""Whether a run kept the promise: what was lost, what is wrong, and the numbers around it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from consumer.sandbox.liveintent_server import BreachKind
from tests.crash.actions import Stage
from tests.crash.journal import Row
from tests.crash.plan import Plan
from tests.crash.replicas import State
from tests.crash.spoken import secrets_spoken
from tests.crash.steps import OUTAGES, VISITS, Action
from tests.crash.timeline import Timeline
from tests.kafka_cluster.topics import end_offsets
from tests.scenarios.process import eventually

# Two replicas may meet a new audience at the same moment, and may send to one audience at the same moment; for one
# identifier even so nothing may be added and removed at once.
ALLOWED_BREACHES = frozenset({BreachKind.TWO_UNFINISHED_UPLOADS, BreachKind.NAME_CREATED_TWICE})
_HISTORIES_SHOWN = 3
_SHARES_SECONDS = 60.0

Members = Mapping[str, Mapping[str, set[str]]]


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows that should be at LiveIntent and are not, and the other way round."""

    missing: frozenset[Row]
    extra: frozenset[Row]

    def __len__(self) -> int:
        return len(self.missing) + len(self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """One run in numbers, in the order they are shown."""

    seed: int
    kafka: str
    seconds: int
    drained: int
    """Seconds from the healing to the last commit."""
    events: int
    kills: int
    stops: int
    pauses: int
    rebalances: int
    """A third replica coming and going."""
    broker_restarts: int
    outages: int
    rotations: int
    upload_troubles: int
    uploads: int
    rows: int
    done_again: int
    """Records that came to an end more than once, as far as anybody saw: at least once, not exactly once."""
    lost: int
    """Records that were not committed in the end, and dead letters that are missing."""
    wrong: int
    """Rows that should not be at LiveIntent, or should be and are not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a run."""

    numbers: Numbers
    problems: tuple[str, ...]
    timeline: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def difference(expected: Members, found: Members) -> Difference:
    """Compare who is where."""
    return Difference(
        missing=frozenset(_rows(expected)) - frozenset(_rows(found)),
        extra=frozenset(_rows(found)) - frozenset(_rows(expected)),
    )


def look_at_survivors(stage: Stage, timeline: Timeline, *, partitions: int) -> None:
    """Those that live in the end must have closed books and all partitions between them."""
    running = [each for each in stage.replicas if each.state is State.RUNNING]

    def shares() -> list[float]:
        return [replica.metrics()["assigned_partitions"] for replica in running]

    try:
        eventually(
            "the survivors have all partitions",
            lambda: sum(shares()) == partitions,
            seconds=_SHARES_SECONDS,
        )
        for replica in running:
            if pending := replica.metrics()["records_pending"]:
                timeline.problem(f"{replica.name} still has {pending:.0f} records pending")
    except (OSError, TimeoutError, AssertionError) as error:
        timeline.problem(f"a survivor does not answer as it should: {error}")
    for replica in running:
        replica.look()


def judge(plan: Plan, stage: Stage, timeline: Timeline, directory: Path) -> Verdict:
    """Compare everything with what was meant. What is not as it must be is a problem of the timeline."""
    world, oracles = stage.world, stage.feeder.oracles
    ends = end_offsets(world.cluster.bootstrap_servers, world.topic)
    committed = world.committed()
    uncommitted = sum(abs(end - committed.get(partition, 0)) for partition, end in ends.items())
    if uncommitted:
        timeline.problem(f"{uncommitted} records were not committed")
    expected = {name: who for oracle in oracles for name, who in oracle.members().items()}
    found = {name: who for oracle in oracles for name, who in world.members_as(oracle).items()}
    wrong = difference(expected, found)
    missing_letters = _check_dead_letters(stage, timeline)
    _check_breaches(stage, timeline)
    _check_one_audience_per_name(stage, timeline)
    _check_spoken(stage, timeline, directory, expected)
    if wrong:
        _tell_wrong(wrong, stage, timeline)
    return Verdict(
        _numbers(plan, stage, timeline, lost=uncommitted + missing_letters, wrong=len(wrong)),
        tuple(timeline.problems),
        tuple(str(moment) for moment in timeline.moments),
    )


def _rows(members: Members) -> Iterable[Row]:
    for audience, by_type in members.items():
        for identifier_type, values in by_type.items():
            for value in values:
                yield Row(audience, identifier_type, value)


def _check_dead_letters(stage: Stage, timeline: Timeline) -> int:
    """Only what the feed made undecodable, though one that was read again may be there again. How many are missing."""
    expected = {(*where, reason) for where, reason in stage.world.unusable.items()}
    found = {
        (letter.partition, letter.offset, letter.reason) for letter in stage.world.dead_letters()
    }
    if extra := found - expected:
        reasons = Counter(str(reason) for _, _, reason in extra)
        timeline.problem(f"dead letters of good records: {dict(reasons)}")
    if missing := expected - found:
        timeline.problem(f"{len(missing)} dead letters are missing")
    return len(missing)


def _check_breaches(stage: Stage, timeline: Timeline) -> None:
    breaches = [each for each in stage.world.breach_list() if each.kind not in ALLOWED_BREACHES]
    for kind, times in Counter(each.kind for each in breaches).items():
        details = [each.detail for each in breaches if each.kind is kind]
        timeline.problem(f"breach of LiveIntent's contract: {kind} x{times}, first: {details[0]}")


def _check_one_audience_per_name(stage: Stage, timeline: Timeline) -> None:
    """However many were created, one is in use."""
    used = defaultdict(set)
    for upload in stage.world.uploads():
        used[upload.audience_name].add(upload.audience_id)
    for name, ids in used.items():
        if len(ids) > 1:
            timeline.problem(f"{len(ids)} audiences of the name {name} were sent to")


def _check_spoken(stage: Stage, timeline: Timeline, directory: Path, expected: Members) -> None:
    rows = {row.value for row in _rows(expected)} | stage.world.journal.values()
    literal = [*stage.world.tokens, *stage.world.signatures()]
    texts = [path.read_text(errors="replace") for path in directory.rglob("std*")]
    texts += [moment.text for moment in timeline.moments]
    spoken = Counter(kind for text in texts for kind in secrets_spoken(text, rows, literal))
    for kind, times in spoken.items():
        timeline.problem(f"what the processes said holds {kind} x{times}")
    if traces := sum("Traceback" in text for text in texts):
        timeline.problem(f"{traces} processes printed a traceback")


def _tell_wrong(wrong: Difference, stage: Stage, timeline: Timeline) -> None:
    timeline.problem(f"{len(wrong.missing)} rows are missing, {len(wrong.extra)} are too many")
    uploads = stage.world.uploads()
    for kind, rows in (("missing", wrong.missing), ("too many", wrong.extra)):
        for row in sorted(rows)[:_HISTORIES_SHOWN]:
            timeline.note(f"a row that is {kind}, {row.identifier_type} in {row.audience}:")
            for line in stage.world.journal.history(row, uploads, began=timeline.began):
                timeline.note(f"    {line}")


def _numbers(plan: Plan, stage: Stage, timeline: Timeline, *, lost: int, wrong: int) -> Numbers:
    done = timeline.done
    uploads = stage.world.uploads()
    at = {moment.text: moment.seconds for moment in timeline.moments}
    drained = at.get("all is committed", timeline.seconds) - at.get("everything is healed", 0.0)
    return Numbers(
        seed=plan.seed,
        kafka=stage.world.cluster.kind,
        seconds=round(timeline.seconds),
        drained=round(drained),
        events=stage.feeder.fed,
        kills=done[Action.KILL] + done[Action.KILLED_VISIT],
        stops=done[Action.STOP] + done[Action.VISIT],
        pauses=done[Action.PAUSE] + done[Action.LONG_PAUSE],
        rebalances=sum(done[each] for each in VISITS),
        broker_restarts=done[Action.BROKER_RESTART],
        outages=sum(done[each] for each in OUTAGES),
        rotations=done[Action.TOKEN_ROTATION],
        upload_troubles=sum(done[each] for each in _UPLOAD_TROUBLES),
        uploads=len(uploads),
        rows=sum(upload.rows for upload in uploads),
        done_again=sum(each.finished for each in stage.replicas) - stage.feeder.fed,
        lost=lost,
        wrong=wrong,
    )


_UPLOAD_TROUBLES = (
    Action.UPLOAD_ERROR,
    Action.LATE_UPLOADS,
    Action.STUCK_UPLOADS,
    Action.LOST_UPLOAD,
    Action.LOST_ANSWERS,
    Action.SHUFFLED_LISTS,
)
