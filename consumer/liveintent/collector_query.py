"""A direct call as LiveIntent's browser library would send it to the collector: byte for byte (source: LiveConnect).

The order of the parameters is the library's own, by importance: an address may be cut somewhere on its way.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from consumer.direct_calls.call import DirectCall
from consumer.direct_calls.event_json import event_json
from consumer.direct_calls.page_address import PageAddress

PATH = "/j"
USER_AGENT_HEADER = "X-LI-Provided-User-Agent"

DEFAULT_MAX_CHARACTERS = 4_000
LEAST_MAX_CHARACTERS = 3_500
"""Below it, a call with everything that may go with it could not be made to fit."""

_UNRESERVED = (
    "-_.!~*'()"  # with letters and digits, what JavaScript's encodeURIComponent leaves as it is
)
# What the library reads out of the event, and leaves there: said twice.
_SAID_ELSEWHERE = ("userAgent", "ipv6", "ipv4", "email", "emailHash")
_ITEMS = "items"
_EVENT = "event"


@dataclass(frozen=True, slots=True)
class CollectorRequest:
    """A GET request, but for its host. `repr` shows nothing of it: the target is about a person."""

    target: str
    """Path and query, encoded as they must arrive: not to be quoted again."""
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"CollectorRequest({len(self.target)} characters)"


def collector_request(
    call: DirectCall,
    *,
    app_id: str,
    sent_ms: int,
    wrapper_name: str = "",
    max_characters: int = DEFAULT_MAX_CHARACTERS,
) -> CollectorRequest:
    """Return the request that tells LiveIntent of the call, at `sent_ms` (epoch milliseconds; the collector knows no other time).

    A target over `max_characters` (the collector's own limit is not published) loses, until it fits: what the event says
    twice, items, the referrer, all fields of the event but its name, the page's query, the page, the TCF string.
    Raises ValueError for a limit below `LEAST_MAX_CHARACTERS`. An app id and a wrapper name of up to 100 characters fit.
    """
    if max_characters < LEAST_MAX_CHARACTERS:
        message = f"max_characters must be at least {LEAST_MAX_CHARACTERS}"
        raise ValueError(message)
    target = ""
    for shorter in _ever_shorter(call):
        target = _target(shorter, app_id=app_id, sent_ms=sent_ms, wrapper_name=wrapper_name)
        if len(target) <= max_characters:
            break
    return CollectorRequest(
        target, {} if call.user_agent is None else {USER_AGENT_HEADER: call.user_agent}
    )


def _target(call: DirectCall, *, app_id: str, sent_ms: int, wrapper_name: str) -> str:
    privacy, page = call.privacy, call.page
    pairs = (
        ("dtstmp", str(sent_ms)),
        ("aid", app_id),
        ("se", _base64url(call.event_json)),
        ("pu", page.url if page else None),
        ("pu_rp", "1" if page and page.path_removed else None),
        ("pu_rqp", ",".join(page.removed_parameters) if page else None),
        ("e", ",".join(call.email_hashes)),
        ("us_privacy", privacy.us_privacy),
        ("wpn", wrapper_name),
        ("gdpr", None if privacy.gdpr is None else str(int(privacy.gdpr))),
        ("gdpr_consent", privacy.gdpr_consent),
        ("refr", call.referrer),
        ("gpp_s", privacy.gpp),
        ("gpp_as", ",".join(map(str, privacy.gpp_sections))),
        ("pip", _base64url(call.ip or "")),
        ("pip6", _base64url(call.ip6 or "")),
    )
    query = "&".join(f"{name}={_percent_encoded(value)}" for name, value in pairs if value)
    return f"{PATH}?{query}"


def _base64url(text: str) -> str:
    return urlsafe_b64encode(text.encode("utf-8", "replace")).rstrip(b"=").decode("ascii")


def _percent_encoded(text: str) -> str:
    return quote(text, safe=_UNRESERVED, encoding="utf-8", errors="replace")


def _ever_shorter(call: DirectCall) -> Iterator[DirectCall]:
    """The call, and what is left of it when more and more is given up, the least important first."""
    yield call
    for shorten in _SHORTER:
        call = shorten(call)
        yield call


def _once(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in _SAID_ELSEWHERE}


def _fewer_items(event: dict[str, Any]) -> dict[str, Any]:
    items = event.get(_ITEMS)
    half = items[: len(items) // 2] if isinstance(items, list) else []
    return {
        name: half if name == _ITEMS else value
        for name, value in event.items()
        if half or name != _ITEMS
    }


def _only_name(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name == _EVENT}


def _in_event(
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[[DirectCall], DirectCall]:
    return lambda call: replace(call, event_json=event_json(change(json.loads(call.event_json))))


def _without_query(call: DirectCall) -> DirectCall:
    page = call.page
    if page is None:
        return call
    url = page.url.partition("#")[0].partition("?")[0]
    return replace(call, page=PageAddress(url, path_removed=page.path_removed))


_SHORTER: Sequence[Callable[[DirectCall], DirectCall]] = (
    _in_event(_once),
    _in_event(_fewer_items),
    _in_event(_fewer_items),
    _in_event(_fewer_items),
    _in_event(_fewer_items),
    lambda call: replace(call, referrer=None),
    _in_event(_only_name),
    _without_query,
    lambda call: replace(call, page=None),
    lambda call: replace(call, privacy=replace(call.privacy, gdpr_consent=None)),
)
