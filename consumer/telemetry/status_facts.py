"""The status page's facts that are no table: how LiveIntent fares, and what is in memory. HTML, every value escaped."""

from collections.abc import Iterable
from html import escape

from consumer.telemetry.status import HostStatus, MemoryStatus, Status
from consumer.telemetry.why_behind import count, duration

_TOKEN_REFUSED = "unauthorised"  # noqa: S105 - the name of a state
_WHY_HELD = {
    _TOKEN_REFUSED: "not called: it refuses our API key",
    "circuit_open": "circuit open: it keeps failing",
    "asked_to_wait": "it asked us to wait",
}
_MEBIBYTE = 2**20


def liveintent_facts(status: Status) -> str:
    """The API key, each host, and the pace; nothing when no host is known."""
    if not status.liveintent:
        return ""
    facts = [("API key", _api_key(status.liveintent))]
    facts += [(f"Host {host.host}", _host(host)) for host in status.liveintent]
    if pace := _pace(status.liveintent):
        facts.append(("Pace we keep", pace))
    return _facts(facts)


def memory_facts(status: Status) -> str:
    """What is in memory; nothing when it is not known."""
    if status.memory is None:
        return ""
    totals = status.lane_totals
    facts = [
        ("Unfinished records", _budget(status.memory)),
        (
            "Changes of members",
            f"{totals.waiting_changes:,} waiting, {totals.in_flight_changes:,} in flight in "
            f"{count(totals.uploading, 'audience')}",
        ),
        ("Members remembered, against late events", f"{status.memory.members_remembered:,}"),
    ]
    if status.replay is not None:
        facts.append(("Replay", _replay(status)))
    return _facts(facts)


def _api_key(hosts: Iterable[HostStatus]) -> str:
    held = next((host for host in hosts if host.state == _TOKEN_REFUSED), None)
    return _word("good", "not refused") if held is None else _held("refused", held)


def _host(host: HostStatus) -> str:
    if host.state == "free":
        return _word("good", "not held back")
    return _held(_WHY_HELD.get(host.state, host.state), host)


def _held(what: str, host: HostStatus) -> str:
    since = "" if host.seconds is None else f" for {duration(host.seconds)}"
    tried = (
        "" if host.next_try_seconds is None else f", next try in {duration(host.next_try_seconds)}"
    )
    return _word("held", what) + escape(since + tried)


def _pace(hosts: Iterable[HostStatus]) -> str:
    paced = next((each for each in hosts if each.requests_per_second is not None), None)
    if paced is None or paced.requests_per_second is None:
        return ""
    rate = paced.requests_per_second
    noun = "request" if rate == 1 else "requests"
    return escape(f"{rate:g} {noun} a second, {paced.concurrency} at once, per host")


def _budget(memory: MemoryStatus) -> str:
    used, budget = memory.unfinished_bytes / _MEBIBYTE, memory.budget_bytes / _MEBIBYTE
    told = f"{used:,.1f} of {budget:,.0f} MiB"
    # A budget is a mark and no wall: what was read last may be above it.
    value = min(memory.unfinished_bytes, memory.budget_bytes)
    return f'<meter max="{memory.budget_bytes}" value="{value}" aria-label="{told}"></meter>{told}'


def _replay(status: Status) -> str:
    if status.replay is None:
        return ""
    named = ", ".join(status.replay.replay_ids) or "by hand, without an id"
    left = (
        f", {count(status.replay.records_left, 'record')} left"
        if status.replay.records_left
        else ""
    )
    return f"<code>{escape(named)}</code>{left}"


def _word(mood: str, text: str) -> str:
    return f'<span class="word {mood}">{escape(text)}</span>'


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{html}</dd></div>" for name, html in facts)
    return f'<dl class="facts">{rows}</dl>'
