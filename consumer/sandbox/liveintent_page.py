"""The stand-in's page: who is in which audience, and what clients do. Loads nothing, runs no script, renews itself."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from consumer.sandbox.faults import FaultInForce
from consumer.sandbox.liveintent_breaches import Breach
from consumer.sandbox.liveintent_page_frame import FRAME
from consumer.sandbox.liveintent_state import AudienceView, UploadView

ROWS_MAX = 40
"""More rows than this help nobody; /_sandbox/state has them all."""

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}

_UNFINISHED = frozenset({"Pending", "Running"})
_MOODS: Mapping[str, str] = {
    "Active": "good",
    "Archived": "busy",
    "Deleted": "quiet",
    "Pending": "busy",
    "Running": "busy",
    "Finished": "good",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """One moment of the stand-in. `now` is epoch seconds; status 0 in `requests` is a dropped connection."""

    now: float
    audiences: Sequence[AudienceView]
    uploads: Sequence[UploadView]
    """In the order they were stored."""
    requests: Mapping[tuple[str, int], int]
    breaches: Sequence[Breach]
    faults: Sequence[FaultInForce]
    others: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What the other hosts say of themselves, by their names: counts, and counts by word."""


def sandbox_page(view: PageView) -> str:
    """The whole page, as HTML."""
    sections = (
        _section("Audiences", view.audiences, _audiences(view.audiences)),
        _section("Uploads, newest first", view.uploads, _uploads(view)),
        _section("Calls", (), _calls(view.requests)),
        _section("Faults", (), _faults(view)),
        _section("Breaches of contract", view.breaches, _breaches(view.breaches)),
        *(_section(name, (), _other(counts)) for name, counts in view.others.items()),
    )
    tiles = "".join(
        f"<div><dt>{name}</dt><dd>{number:,}</dd></div>" for name, number in _tiles(view)
    )
    return FRAME.substitute(tiles=tiles, sections="\n".join(sections))


def _tiles(view: PageView) -> Iterable[tuple[str, int]]:
    return (
        ("Audiences", len(view.audiences)),
        ("Identifiers in them", sum(each.member_count for each in view.audiences)),
        ("Uploads", len(view.uploads)),
        ("Under way", sum(each.status in _UNFINISHED for each in view.uploads)),
        ("Calls", sum(view.requests.values())),
        ("Breaches", len(view.breaches)),
    )


def _audiences(audiences: Sequence[AudienceView]) -> str:
    largest = max((each.member_count for each in audiences), default=0) or 1
    rows = [
        [
            _th(each.name),
            _number(each.member_count),
            f"<td class=bar><meter max={largest} value={each.member_count}></meter></td>",
            _word(each.status),
            _number(each.id, grouped=False),
        ]
        for each in audiences[:ROWS_MAX]
    ]
    return _table(["Audience", "#Identifiers", "", "Status", "#Id"], rows, "None yet.")


def _uploads(view: PageView) -> str:
    rows = [
        [
            _th(each.audience_name),
            _text(each.action),
            _text(each.identifier_type),
            _word(each.status),
            _number(each.rows),
            _number(each.invalid),
            f"<td class=n>{_age(view.now - each.stored_at)}</td>",
        ]
        for each in view.uploads[: -ROWS_MAX - 1 : -1]
    ]
    heads = ["Audience", "Action", "Type", "Status", "#Rows", "#Invalid", "#Stored"]
    return _table(heads, rows, "None yet.")


def _calls(requests: Mapping[tuple[str, int], int]) -> str:
    by_operation: dict[str, Counter[int]] = {}
    for (operation, status), count in requests.items():
        by_operation.setdefault(operation, Counter())[status] = count
    rows = [
        [_th(operation), _number(counts.total()), _text(_statuses(counts))]
        for operation, counts in sorted(by_operation.items())
    ]
    return _table(["Operation", "#Calls", "Answers"], rows, "None yet.")


def _statuses(counts: Counter[int]) -> str:
    return ", ".join(
        f"{status or 'dropped'}: {count:,}" for status, count in sorted(counts.items())
    )


def _faults(view: PageView) -> str:
    rows = [
        [
            _th(each.fault.kind),
            _text(each.fault.operation),
            _text(each.fault.audience or "any"),
            _number(each.met),
            _text("" if each.fault.times is None else f"{each.fault.times - each.met:,} more"),
            _text("in force" if each.is_begun(view.now) else "not begun"),
        ]
        for each in view.faults[:ROWS_MAX]
    ]
    return _table(["Fault", "On", "Audience", "#Met", "Left", "State"], rows, "None in force.")


def _breaches(breaches: Sequence[Breach]) -> str:
    rows = [[_th(each.kind), _text(each.detail)] for each in breaches[: -ROWS_MAX - 1 : -1]]
    return _table(["Breach", "Detail"], rows, "None: clients keep to the contract.")


def _other(counts: Mapping[str, object]) -> str:
    rows = [
        [_th(name.replace("_", " ")), _text(_told(value))]
        for name, value in counts.items()
        if value
    ]
    return _table(["Count", ""], rows, "Not called yet.")


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_told(each)}" for key, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _section(title: str, rows: Sequence[object], body: str) -> str:
    note = f"{ROWS_MAX} of {len(rows):,}" if len(rows) > ROWS_MAX else ""
    return f"<section><h2>{escape(title)} <small>{note}</small></h2>\n{body}</section>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], none: str) -> str:
    """The cells are HTML; a head that begins with # is that of a column of numbers."""
    if not rows:
        return f'<div class="wide empty quiet">{none}</div>'
    head = "".join(
        f"<th class=n>{text[1:]}</th>" if text.startswith("#") else f"<th>{text}</th>"
        for text in heads
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return (
        f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _th(text: str) -> str:
    return f"<th scope=row>{escape(text)}</th>"


def _text(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _number(number: int, *, grouped: bool = True) -> str:
    return f"<td class=n>{f'{number:,}' if grouped else number}</td>"


def _word(status: str) -> str:
    return f"<td class={_MOODS.get(status, 'bad')}>{escape(status)}</td>"


def _age(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole} s ago" if whole < 120 else f"{whole // 60:,} min ago"
