"""The status page's tables: the worst rows first, and only so many. HTML, every value escaped."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from html import escape
from itertools import groupby

from consumer.telemetry.status import (
    DeadLetterStatus,
    LaneStatus,
    LastUploadStatus,
    PartitionStatus,
    Status,
)
from consumer.telemetry.why_behind import duration

# More rows than this help nobody; /status has them.
ROWS_MAX = 50
NOT_KNOWN = "–"  # noqa: RUF001 - a dash, for the eye

# In /status a stage is a word, for programs.
_STAGES = {
    "resolving": "finding or creating the audience",
    "confirming": "waiting for Kafka to confirm that its records are ours",
    "minting": "asking LiveIntent for an upload URL",
    "minted": "sending the file",
    "stored": "sent, LiveIntent has not listed it yet",
    "unlisted": "sent, and overdue in LiveIntent's list",
    "pending": "sent, LiveIntent has not begun with it",
    "running": "LiveIntent works on it",
    "error": "LiveIntent gave the file up; it is sent again",
}

_Cells = Sequence[str]


def topics_table(partitions: Sequence[PartitionStatus]) -> str:
    """One row for each topic; nothing when there is only one."""
    by_topic = {
        topic: list(of_topic)
        for topic, of_topic in groupby(
            sorted(partitions, key=lambda each: each.topic), key=lambda each: each.topic
        )
    }
    if len(by_topic) < 2:
        return ""
    rows = [
        (
            topic,
            [
                number(len(of_topic)),
                latest(each.late_seconds for each in of_topic),
                how_many(each.lag for each in of_topic),
                how_many(each.unread for each in of_topic),
                number(sum(each.pending for each in of_topic)),
            ],
            "",
        )
        for topic, of_topic in by_topic.items()
    ]
    rows.sort(key=lambda row: row[0])
    heads = ["Topic", "Partitions", "Late by", "Lag", "Not read", "On the way", ""]
    return _table(heads, rows, "")


def partitions_table(partitions: Sequence[PartitionStatus]) -> str:
    """One row for each, those with the most lag first."""
    worst_first = sorted(
        partitions,
        key=lambda p: (p.progress != "stalled", -(p.lag or 0), p.topic, p.partition),
    )
    rows = [
        (
            f"{each.topic}-{each.partition}",
            [
                _late(each.late_seconds),
                number(each.lag),
                number(each.unread),
                number(each.pending),
                number(each.committed),
                number(each.end),
            ],
            _partition_text(each),
        )
        for each in worst_first[:ROWS_MAX]
    ]
    heads = [
        "Partition",
        "Late by",
        "Lag",
        "Not read",
        "On the way",
        "Committed",
        "End",
        "Oldest unfinished record",
    ]
    return _table(heads, rows, "No partition is assigned to this process.")


def audiences_table(lanes: Sequence[LaneStatus]) -> str:
    """One row for each, in the order given."""
    rows = [
        (
            lane.audience,
            [
                number(lane.waiting_changes),
                number(lane.in_flight_changes),
                NOT_KNOWN if lane.audience_id is None else str(lane.audience_id),
            ],
            _lane_text(lane),
        )
        for lane in lanes[:ROWS_MAX]
    ]
    heads = ["Audience", "Waiting", "In flight", "LiveIntent id", "What it does"]
    return _table(heads, rows, "No audience has had a change yet.")


def direct_calls_table(status: Status) -> str:
    """Nothing while they are switched off."""
    rows = [
        (each.sink, [number(each.waiting), number(each.in_flight)], "")
        for each in status.direct_calls
    ]
    return _table(["Sink", "Waiting", "In flight", ""], rows, "") if rows else ""


def dead_letters_table(dead_letters: Sequence[DeadLetterStatus]) -> str:
    """One row for each reason, the most frequent first."""
    rows = [
        (
            each.reason,
            [number(each.count)],
            f"last {each.last_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if each.last_at else "",
        )
        for each in sorted(dead_letters, key=lambda each: -each.count)
    ]
    return _table(["Reason", "Records", "When"], rows, "None.")


def ignored_table(ignored: Mapping[str, int]) -> str:
    """One row for each reason that was met, the most frequent first."""
    most_first = sorted(ignored.items(), key=lambda each: -each[1])
    rows = [(str(reason), [number(records)], "") for reason, records in most_first if records]
    return _table(["Reason", "Records", ""], rows, "None.")


def shown(rows: Sequence[object]) -> str:
    """How many of the rows are shown; empty when all are."""
    return f"the worst {ROWS_MAX} of {len(rows):,}" if len(rows) > ROWS_MAX else ""


def lanes_note(status: Status) -> str:
    """How many audiences there are beside those shown."""
    of = max(status.lane_totals.audiences, len(status.lanes))
    listed = min(ROWS_MAX, len(status.lanes))
    if of <= listed:
        return ""
    totals = status.lane_totals
    told = f"the worst {listed} of {of:,}"
    return f"{told}; {totals.refused:,} refused, {totals.uploading:,} with an upload under way"


def number(value: int | None) -> str:
    """With its thousands apart; a dash when it is not known."""
    return NOT_KNOWN if value is None else f"{value:,}"


def how_many(numbers: Iterable[int | None]) -> str:
    """The sum of those that are known, and a plus when some are not: the plain sum would look right and be wrong."""
    values = list(numbers)
    known = sum(value for value in values if value is not None)
    if None not in values:
        return number(known)
    return f"{number(known)}+" if known else NOT_KNOWN


def latest(each_seconds: Iterable[float | None]) -> str:
    """The longest that is known, for people."""
    return _late(max((each for each in each_seconds if each is not None), default=None))


def _late(seconds: float | None) -> str:
    return NOT_KNOWN if seconds is None else duration(seconds)


def _partition_text(partition: PartitionStatus) -> str:
    parts = []
    if partition.oldest_offset is not None:
        age, why = partition.oldest_age_seconds, partition.oldest_why
        read = "" if age is None else f", read {duration(age)} ago"
        waits = f", waits for {why}" if why else ""
        parts.append(f"offset {partition.oldest_offset:,}{read}{waits}")
    elif partition.waits_for and partition.lag != 0:
        parts.append(f"waits for {partition.waits_for}")
    if partition.progress == "replaying":
        parts.append("replaying: its offset was set back")
    if partition.unstable:
        parts.append(f"{partition.unstable:,} more behind a transaction that has not ended")
    parts += [f"paused: {reason}" for reason in partition.paused]
    text = escape("; ".join(parts))
    if partition.progress != "stalled":
        return text
    return f"{_bad(f'no progress for {duration(partition.still_seconds or 0)}')} {text}"


def _lane_text(lane: LaneStatus) -> str:
    since = "" if lane.stage_seconds is None else f" for {duration(lane.stage_seconds)}"
    refused = f"{_bad(f'refused: {lane.refused}')} " if lane.refused else ""
    stage = _STAGES.get(lane.stage, lane.stage)
    return refused + escape(stage + since) + _last_upload_text(lane.last_upload)


def _last_upload_text(last: LastUploadStatus | None) -> str:
    """What LiveIntent found wrong with the last file; nothing when it took every row."""
    if last is None or not (last.invalid or last.missing):
        return ""
    told = f"last file: {last.rows:,} rows, {last.invalid:,} invalid, {last.missing:,} not counted"
    return f" {_bad(told)}"


def _bad(text: str) -> str:
    return f'<span class="bad">{escape(text)}</span>'


def _table(heads: Sequence[str], rows: Sequence[tuple[str, _Cells, str]], none: str) -> str:
    """A row is its name, its numbers, and what else there is to say of it, as HTML escaped by the caller."""
    if not rows:
        return f'<div class="wide quiet empty">{none}</div>'
    numbers = heads[1:-1]
    head = (
        f"<th>{heads[0]}</th>"
        + "".join(f"<th class=n>{name}</th>" for name in numbers)
        + f"<th>{heads[-1]}</th>"
    )
    body = "".join(_row(name, numbers, cells, text) for name, cells, text in rows)
    return (
        f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(name: str, heads: Sequence[str], cells: _Cells, text: str) -> str:
    numbers = "".join(
        f'<td class=n data-name="{head}">{cell}</td>'
        for head, cell in zip(heads, cells, strict=True)
    )
    return f"<tr><th scope=row>{escape(name)}</th>{numbers}<td class=text>{text}</td></tr>"
