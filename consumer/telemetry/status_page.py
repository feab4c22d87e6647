"""The status as a web page. Every value is escaped; nothing is loaded from elsewhere, and no script runs."""

from collections.abc import Iterable, Sequence
from datetime import UTC
from html import escape
from importlib.resources import files
from string import Template

from consumer.telemetry.status import LaneStatus, LastUploadStatus, PartitionStatus, Status
from consumer.telemetry.why_behind import duration, hold_text, why_behind

# More rows than this help nobody; /status has them all.
ROWS_MAX = 50

_PAGE = Template(files("consumer.telemetry").joinpath("status_page.html").read_text("utf-8"))
_NOT_KNOWN = "–"  # noqa: RUF001 - a dash, for the eye


def status_page(status: Status) -> str:
    """The whole page, as HTML."""
    answer = why_behind(status)
    sections = (
        _section("Held back", "", _holds(status)),
        _section("Partitions", _shown(status.partitions), _partitions(status.partitions)),
        _section("Audiences", _shown(status.lanes), _lanes(status.lanes)),
        _section("Direct calls", "", _direct_calls(status)),
        _section("Dead letters", "", _dead_letters(status)),
        _section("Ignored", "", _ignored(status)),
    )
    return _PAGE.substitute(
        title=escape(f"{status.instance or 'segment-liveintent'}: {answer.mood}"),
        about=_about(status),
        mood=answer.mood.value,
        answer=escape(answer.sentence),
        tiles="".join(f"<div><dt>{n}</dt><dd>{v}</dd></div>" for n, v in _tiles(status)),
        sections="\n".join(filter(None, sections)),
    )


def _about(status: Status) -> str:
    parts = [
        status.instance,
        f"version {status.version}",
        "ready" if status.ready.ok else "not ready",
        f"started {status.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"up {duration(status.uptime_seconds)}",
    ]
    return escape(" · ".join(filter(None, parts)))


def _tiles(status: Status) -> list[tuple[str, str]]:
    books = status.books
    return [
        ("Lag, records", _sum(partition.lag for partition in status.partitions)),
        ("Not read yet", _sum(partition.unread for partition in status.partitions)),
        ("On the way", _number(books.pending)),
        ("Delivered", _number(books.delivered)),
        ("Ignored", _number(sum(books.ignored.values()))),
        ("Dead letters", _number(sum(books.dead_lettered.values()))),
    ]


def _holds(status: Status) -> str:
    lines = [hold_text(hold) for hold in status.holds]
    if status.registry_waiting:
        lines.append(f"waiting for the schema registry ({status.registry_waiting})")
    if not status.ready.ok:
        lines += [f"not ready: {reason}" for reason in status.ready.reasons]
    if not lines:
        return ""
    return f"<div class=wide><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul></div>"


def _partitions(partitions: Sequence[PartitionStatus]) -> str:
    worst_first = sorted(partitions, key=lambda p: (-(p.lag or 0), p.topic, p.partition))
    rows = [
        _row(
            f"{partition.topic}-{partition.partition}",
            [
                partition.lag,
                partition.unread,
                partition.pending,
                partition.committed,
                partition.end,
            ],
            _partition_text(partition),
        )
        for partition in worst_first[:ROWS_MAX]
    ]
    heads = ["Partition", "Lag", "Not read", "On the way", "Committed", "End", "Oldest unfinished"]
    return _table(heads, rows, "No partition is assigned to this process.")


def _partition_text(partition: PartitionStatus) -> str:
    parts = []
    if partition.oldest_offset is not None:
        age, why = partition.oldest_age_seconds, partition.oldest_why
        read = "" if age is None else f", read {duration(age)} ago"
        waits = f", waits for {why}" if why else ""
        parts.append(f"offset {partition.oldest_offset:,}{read}{waits}")
    elif partition.waits_for:
        parts.append(f"waits for {partition.waits_for}")
    if partition.progress == "replaying":
        parts.append("replaying: its offset was set back")
    if partition.unstable:
        parts.append(f"{partition.unstable:,} more behind a transaction that has not ended")
    parts += [f"paused: {reason}" for reason in partition.paused]
    text = escape("; ".join(parts))
    if partition.progress != "stalled":
        return text
    still = duration(partition.still_seconds or 0)
    return f"<span class=bad>no progress for {still}</span> {text}"


def _lanes(lanes: Sequence[LaneStatus]) -> str:
    worst_first = sorted(lanes, key=lambda a: (not a.refused, -(a.stage_seconds or 0), a.audience))
    rows = [
        _row(
            lane.audience,
            [lane.waiting_changes, lane.in_flight_changes],
            _lane_text(lane),
            _NOT_KNOWN if lane.audience_id is None else str(lane.audience_id),
        )
        for lane in worst_first[:ROWS_MAX]
    ]
    heads = ["Audience", "Waiting", "In flight", "Stage", "LiveIntent id"]
    return _table(heads, rows, "No audience has had a change yet.")


def _lane_text(lane: LaneStatus) -> str:
    since = "" if lane.stage_seconds is None else f" for {duration(lane.stage_seconds)}"
    refused = f" <span class=bad>refused: {escape(lane.refused)}</span>" if lane.refused else ""
    return escape(lane.stage + since) + refused + _last_upload_text(lane.last_upload)


def _last_upload_text(last: LastUploadStatus | None) -> str:
    """What LiveIntent found wrong with the last file; nothing when it took every row."""
    if last is None or not (last.invalid or last.missing):
        return ""
    told = f"last file: {last.rows:,} rows, {last.invalid:,} invalid, {last.missing:,} not counted"
    return f" <span class=bad>{escape(told)}</span>"


def _direct_calls(status: Status) -> str:
    """Nothing while they are switched off."""
    rows = [_row(each.sink, [each.waiting, each.in_flight], "") for each in status.direct_calls]
    return _table(["Sink", "Waiting", "In flight", ""], rows, "") if rows else ""


def _dead_letters(status: Status) -> str:
    most_first = sorted(status.dead_letters, key=lambda each: -each.count)
    rows = [
        _row(
            each.reason,
            [each.count],
            f"last {each.last_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if each.last_at else "",
        )
        for each in most_first
    ]
    return _table(["Reason", "Records", "When"], rows, "None.")


def _ignored(status: Status) -> str:
    most_first = sorted(status.books.ignored.items(), key=lambda each: -each[1])
    rows = [_row(str(reason), [number], "") for reason, number in most_first if number]
    return _table(["Reason", "Records", ""], rows, "None.")


def _section(title: str, note: str, body: str) -> str:
    if not body:
        return ""
    anchor = title.lower().replace(" ", "-")
    return f"<section id={anchor}><h2>{title} <small>{note}</small></h2>\n{body}</section>"


def _table(heads: Sequence[str], rows: Sequence[str], none: str) -> str:
    if not rows:
        return f'<div class="wide quiet empty">{none}</div>'
    # The columns of numbers are those between the name and the text.
    numbers = {
        "Lag",
        "Not read",
        "On the way",
        "Committed",
        "End",
        "Waiting",
        "In flight",
        "Records",
    }
    head = "".join(f"<th{' class=n' if text in numbers else ''}>{text}</th>" for text in heads)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"


def _row(name: str, numbers: Sequence[int | None], text: str, last: str | None = None) -> str:
    """`text` and `last` are HTML, escaped by the caller."""
    cells = "".join(f"<td class=n>{_number(number)}</td>" for number in numbers)
    end = "" if last is None else f"<td>{last}</td>"
    return f"<tr><th scope=row>{escape(name)}</th>{cells}<td class=text>{text}</td>{end}</tr>"


def _shown(rows: Sequence[object]) -> str:
    return f"the first {ROWS_MAX} of {len(rows):,}" if len(rows) > ROWS_MAX else ""


def _number(number: int | None) -> str:
    return _NOT_KNOWN if number is None else f"{number:,}"


def _sum(numbers: Iterable[int | None]) -> str:
    """The sum of those that are known, and a plus when some are not: the plain sum would look right and be wrong."""
    values = list(numbers)
    known = sum(value for value in values if value is not None)
    if None not in values:
        return _number(known)
    return f"{_number(known)}+" if known else _NOT_KNOWN
