"""The operator's first question, "why is it behind?", answered in one sentence."""

from dataclasses import dataclass
from enum import StrEnum

from consumer.telemetry.causes import Cause
from consumer.telemetry.status import Hold, PartitionStatus, Phase, ReplayStatus, Status


class Mood(StrEnum):
    """How the answer should look."""

    GOOD = "good"
    BUSY = "busy"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Answer:
    """The sentence, how to show it, and what it comes down to."""

    mood: Mood
    sentence: str
    cause: Cause


def why_behind(status: Status) -> Answer:
    """Why records are not finished, naming the most general cause: one that explains the others comes first."""
    if status.phase is Phase.STOPPING:
        return Answer(Mood.BUSY, f"Stopping: {_left_behind(status)}.", Cause.STOPPING)
    if held := _what_is_held(status):
        what, cause = held
        oldest = _oldest(status.partitions)
        also = "" if oldest is None else f"; {_what_goes_on(oldest)}"
        return Answer(Mood.HELD, f"{_how_far(status)}: {what}{also}.", cause)
    if not status.ready.ok:
        starting = status.phase is Phase.STARTING
        return Answer(
            Mood.BUSY if starting else Mood.HELD,
            f"Not ready: {'; '.join(status.ready.reasons) or 'no reason given'}.",
            Cause.STARTING if starting else Cause.NOT_READY,
        )
    if not status.partitions:
        return Answer(
            Mood.BUSY,
            "No partition is assigned to this process; others of the group may have them.",
            Cause.SPARE,
        )
    return _how_it_goes(status)


def duration(seconds: float) -> str:
    """A length of time for people: two units at most."""
    whole = max(0, round(seconds))
    minutes, days = whole // 60, whole // 86_400
    if whole < 120:
        return f"{whole} s"
    if minutes < 120:
        return f"{minutes} min"
    if days < 2:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{days} days"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 record, 12,345 records."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def hold_text(hold: Hold) -> str:
    """What is held back, for how long and why."""
    since = "" if hold.seconds is None else f" for {duration(hold.seconds)}"
    return f"{hold.what}{since} ({hold.why})"


def _how_it_goes(status: Status) -> Answer:
    """Why records are not finished though nothing is held back as a whole."""
    if stalled := [each for each in status.partitions if each.progress == "stalled"]:
        sentence = _what_stalls(stalled, len(status.partitions))
        return Answer(Mood.HELD, sentence, Cause.STALLED)
    if refused := status.lane_totals.refused:
        names = [lane.audience for lane in status.lanes if lane.refused]
        return Answer(
            Mood.HELD,
            f"{_how_far(status)}; LiveIntent refuses {count(refused, 'audience')} ({_some(names, of=refused)}), "
            "whose records go to the dead-letter topic.",
            Cause.AUDIENCE_REFUSED,
        )
    oldest = _oldest(status.partitions)
    if status.replay is not None:
        return Answer(
            Mood.BUSY, f"{_how_far(status)}: {_what_is_replayed(status.replay)}.", Cause.REPLAYING
        )
    if oldest is None and not _unread(status):
        return Answer(Mood.GOOD, f"{_how_far(status)}.", Cause.NOTHING)
    return Answer(Mood.BUSY, f"{_how_far(status)}: {_what_goes_on(oldest)}.", Cause.WORKING)


def _what_is_replayed(replay: ReplayStatus) -> str:
    by = f" by {', '.join(replay.replay_ids)}" if replay.replay_ids else ", set back by hand"
    left = f"; {count(replay.records_left, 'record')} left" if replay.records_left else ""
    return f"records are delivered again{by}{left}"


def _left_behind(status: Status) -> str:
    if not status.books.pending:
        return "nothing is on the way any more"
    return f"{count(status.books.pending, 'record')} on the way, nothing more is read"


def _how_far(status: Status) -> str:
    if not status.partitions:
        return "Reading nothing"
    lags = [partition.lag for partition in status.partitions]
    lag = sum(known for known in lags if known is not None)
    pending = sum(partition.pending for partition in status.partitions)
    if None in lags:
        return (
            f"Behind by at least {count(lag, 'record')}"
            if lag
            else "How far behind is not known yet"
        )
    if _unread(status):
        return f"Behind by {count(lag, 'record')}"
    if pending:
        return f"Everything is read, {count(pending, 'record')} on the way"
    return "Not behind: every record is read and finished"


def _unread(status: Status) -> bool:
    """Whether there is, or may be, something to read."""
    return any(partition.unread is None or partition.unread > 0 for partition in status.partitions)


def _what_is_held(status: Status) -> tuple[str, Cause] | None:
    if status.holds:
        # The longest-standing: a held circuit fills the memory budget, not the other way round.
        longest = max(status.holds, key=lambda each: each.seconds or 0)
        return hold_text(longest), longest.cause
    if status.registry_waiting:
        waits = f"waiting for the schema registry ({status.registry_waiting})"
        return waits, Cause.SCHEMA_AWAITED
    paused = [partition for partition in status.partitions if partition.paused]
    if paused:
        reasons = dict.fromkeys(reason for partition in paused for reason in partition.paused)
        return f"{count(len(paused), 'partition')} paused ({'; '.join(reasons)})", Cause.OTHER
    return None


def _what_stalls(stalled: list[PartitionStatus], partitions: int) -> str:
    longest = max(stalled, key=lambda each: each.still_seconds or 0)
    waited = duration(longest.still_seconds or 0)
    return (
        f"No progress on {len(stalled)} of {count(partitions, 'partition')}: {longest.topic}-{longest.partition} "
        f"has waited {waited} for {longest.waits_for or 'a reason not known'}."
    )


def _what_goes_on(oldest: PartitionStatus | None) -> str:
    if oldest is None:
        return "the backlog is being read, and nothing holds it back"
    age = (
        ""
        if oldest.oldest_age_seconds is None
        else f", read {duration(oldest.oldest_age_seconds)} ago,"
    )
    where = f"{oldest.topic}-{oldest.partition} offset {oldest.oldest_offset}"
    return (
        f"the oldest unfinished record ({where}){age} waits for {oldest.oldest_why or 'its flush'}"
    )


def _oldest(partitions: tuple[PartitionStatus, ...]) -> PartitionStatus | None:
    unfinished = [partition for partition in partitions if partition.oldest_offset is not None]
    return max(unfinished, key=lambda each: each.oldest_age_seconds or 0, default=None)


def _some(names: list[str], *, of: int) -> str:
    return ", ".join(names[:3]) + (f" and {of - 3} more" if of > 3 else "")
