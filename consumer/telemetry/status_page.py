"""The status as a web page. Every value is escaped; nothing is loaded from elsewhere, and only its own script runs."""

import base64
import hashlib
from datetime import UTC
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from consumer.telemetry.causes import ADVICE, Advice, Cause
from consumer.telemetry.status import Phase, Status
from consumer.telemetry.status_facts import liveintent_facts, memory_facts
from consumer.telemetry.status_tables import (
    audiences_table,
    dead_letters_table,
    direct_calls_table,
    how_many,
    ignored_table,
    lanes_note,
    latest,
    number,
    partitions_table,
    shown,
    topics_table,
)
from consumer.telemetry.why_behind import Answer, Mood, duration, hold_text, why_behind

_HTML = files("consumer.telemetry").joinpath("status_page.html").read_text("utf-8")
_PAGE = Template(_HTML)
_BADGES = {Mood.GOOD: "Healthy", Mood.BUSY: "Working", Mood.HELD: "Needs a look"}
# Shapes as well as colours, in the browser's tab too.
_ICONS = {
    Mood.GOOD: '<circle cx="8" cy="8" r="7" fill="#1a7f4b"/>',
    Mood.BUSY: '<path d="M8 0 16 8 8 16 0 8Z" fill="#2463b3"/>',
    Mood.HELD: '<path d="M8 0 16 15H0Z" fill="#c23b22"/>',
}


def _hash_of(tag: str) -> str:
    content = _HTML.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_hash_of('style')}; script-src {_hash_of('script')}; connect-src 'self'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""The page's own style and script and nothing else: text that slipped through unescaped could still not run."""


def status_page(status: Status) -> str:
    """The whole page, as HTML."""
    answer = why_behind(status)
    advice = ADVICE[answer.cause]
    sections = (
        _section("Held back", "", _holds(status)),
        _section("Topics", "", topics_table(status.partitions)),
        _section("Partitions", shown(status.partitions), partitions_table(status.partitions)),
        _section("Audiences", lanes_note(status), audiences_table(status.lanes)),
        _section("LiveIntent", "", liveintent_facts(status)),
        _section("In memory", "", memory_facts(status)),
        _section("Direct calls", "", direct_calls_table(status)),
        "<div class=pair>",
        _section("Dead letters", "", dead_letters_table(status.dead_letters)),
        _section("Ignored", "", ignored_table(status.books.ignored)),
        "</div>",
    )
    return _PAGE.substitute(
        title=escape(f"{advice.headline} · {status.instance or 'segment-liveintent'}"),
        icon=_icon(answer.mood),
        about=_about(status),
        mood=answer.mood.value,
        badge=_BADGES[answer.mood],
        headline=escape(advice.headline),
        sentence=escape(answer.sentence),
        advice=_advice(answer, advice),
        tiles="".join(f"<div><dt>{n}</dt><dd>{v}</dd></div>" for n, v in _tiles(status)),
        sections="\n".join(filter(None, sections)),
        as_of=f"{status.at.astimezone(UTC):%H:%M:%S}",
    )


def _icon(mood: Mood) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{_ICONS[mood]}</svg>'
    return f"data:image/svg+xml,{quote(svg)}"


def _about(status: Status) -> str:
    ready = "ready" if status.ready.ok else "not ready"
    parts = [
        status.instance,
        f"version {status.version}",
        f"group {status.group}" if status.group else "",
        ready if status.phase is Phase.RUNNING else f"{status.phase.value}, {ready}",
        f"started {status.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"up {duration(status.uptime_seconds)}",
    ]
    return escape(" · ".join(filter(None, parts)))


def _advice(answer: Answer, advice: Advice) -> str:
    """What to do, and where more is written; nothing while all is well."""
    if answer.mood is Mood.GOOD:
        return ""
    rows = f"<dt>What to do</dt><dd>{escape(advice.to_do)}</dd>"
    if advice.runbook:
        rows += (
            f"<dt>Runbook</dt><dd>docs/operations.md, <code>{escape(advice.runbook)}</code></dd>"
        )
    return f"<dl>{rows}</dl>"


def _tiles(status: Status) -> list[tuple[str, str]]:
    books = status.books
    return [
        ("Late by", latest(each.late_seconds for each in status.partitions)),
        ("Lag, records", how_many(each.lag for each in status.partitions)),
        ("Not read yet", how_many(each.unread for each in status.partitions)),
        ("On the way", number(books.pending)),
        ("Delivered", number(books.delivered)),
        ("Ignored", number(sum(books.ignored.values()))),
        ("Dead letters", number(sum(books.dead_lettered.values()))),
    ]


def _holds(status: Status) -> str:
    """Everything that is held back, when it is more than the answer says already."""
    lines = [hold_text(hold) for hold in status.holds]
    if status.registry_waiting and Cause.SCHEMA_AWAITED not in {
        each.cause for each in status.holds
    }:
        lines.append(f"waiting for the schema registry ({status.registry_waiting})")
    if not status.ready.ok:
        said = {f"{hold.what}: {hold.why}" for hold in status.holds}
        lines += [f"not ready: {reason}" for reason in status.ready.reasons if reason not in said]
    if len(lines) < 2:
        return ""
    return f"<div class=wide><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul></div>"


def _section(title: str, note: str, body: str) -> str:
    if not body:
        return ""
    anchor = title.lower().replace(" ", "-")
    small = f" <small>{escape(note)}</small>" if note else ""
    return f"<section id={anchor}><h2>{title}{small}</h2>\n{body}</section>"
