"""What is wrong with a call to LiveIntent's collector, by the published behaviour of its browser library. Pure.

Source: LiveConnect, its list of collector parameters and its code: which parameters there are, in which order, how each is
written, and whom it never calls for.
"""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote

_PARAMETERS: Final = (
    "dtstmp", "aid", "did", "se", "duid", "tv", "pu", "pu_rp", "pu_rqp", "ae", "ext_", "scre", "li_did", "e", "us_privacy",
    "wpn", "gdpr", "gdpr_consent", "refr", "gpp_s", "gpp_as", "cd", "ic", "c", "pip", "pip6",
)  # fmt: skip
_PLACES: Final[Mapping[str, int]] = {name: place for place, name in enumerate(_PARAMETERS)}
_MAY_BE_EMPTY: Final = frozenset({"ic"})
_MAY_BE_REPEATED: Final = frozenset({"scre"})
_UNESCAPED: Final = "-_.!~*'()"
"""What JavaScript's encodeURIComponent leaves as it is, beside letters and digits (source: ECMAScript)."""
_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
_EMAIL = re.compile(r"[^\s\"@]+(?:@|%40)[^\s\"@]+\.[^\s\"@]+")
_MILLISECONDS = re.compile(r"[0-9]{13}")
_ITEMS_MAX: Final = 10
_NEVER_SENT: Final = frozenset({"setemail", "setemailhash", "sethashedemail"})
_GPP_OF_THE_EU: Final = "2"


class CollectorBreach(StrEnum):
    """What a caller must not do."""

    NOT_A_GET = "not_a_get"
    COOKIE_SENT = "cookie_sent"
    TOKEN_SENT = "token_sent"  # noqa: S105 - the name of a breach
    UNKNOWN_PARAMETER = "unknown_parameter"
    PARAMETERS_OUT_OF_ORDER = "parameters_out_of_order"
    PARAMETER_REPEATED = "parameter_repeated"
    PARAMETER_EMPTY = "parameter_empty"
    WRONGLY_ENCODED = "wrongly_encoded"
    NO_SEND_TIME = "no_send_time"
    WRONG_SEND_TIME = "wrong_send_time"
    NO_APP_ID = "no_app_id"
    UNREADABLE_EVENT = "unreadable_event"
    EVENT_NEVER_SENT = "event_never_sent"
    """`setEmail` and its like only change what the library remembers of a page."""
    TOO_MANY_ITEMS = "too_many_items"
    RAW_EMAIL = "raw_email"
    NO_HASH = "no_hash"
    NO_ADDRESS = "no_address"
    SENT_UNDER_GDPR = "sent_under_gdpr"
    SENT_AFTER_OPT_OUT = "sent_after_opt_out"


def breaches_of(query: str, *, now: float) -> Iterator[CollectorBreach]:
    """Everything wrong with the raw query of a call that comes in at `now`, epoch seconds."""
    pairs = [pair.partition("=")[::2] for pair in query.split("&")]
    values = {name: unquote(value) for name, value in pairs}
    yield from _of_the_form(pairs)
    yield from _of_the_time(pairs, now=now)
    if "aid" not in values or "did" in values:
        yield CollectorBreach.NO_APP_ID
    yield from _of_the_event(values.get("se"))
    if not all(map(_HASH.fullmatch, values["e"].split(",") if "e" in values else ())):
        yield CollectorBreach.NO_HASH
    if any(_EMAIL.search(unquote(value)) for value in values.values()):
        yield CollectorBreach.RAW_EMAIL
    yield from _of_the_addresses(values)
    yield from _of_privacy(values)


def event_of(encoded: str | None) -> dict[str, object] | None:
    """The event in `se`: base64url without padding, of a JSON object without spaces in between; None when it is not."""
    if not encoded or "=" in encoded:
        return None
    try:
        text = _from_base64(encoded).decode()
        event = json.loads(text)
    except (ValueError, binascii.Error):
        return None
    if not isinstance(event, dict) or text != text.strip():
        return None
    return event


def _of_the_form(pairs: list[tuple[str, str]]) -> Iterator[CollectorBreach]:
    names = [_kind(name) for name, _ in pairs]
    places = [_PLACES[name] for name in names if name in _PLACES]
    if len(places) < len(names):
        yield CollectorBreach.UNKNOWN_PARAMETER
    if places != sorted(places):
        yield CollectorBreach.PARAMETERS_OUT_OF_ORDER
    once = [name for name, _ in pairs if name not in _MAY_BE_REPEATED]
    if len(once) != len(set(once)):
        yield CollectorBreach.PARAMETER_REPEATED
    if any(not value and name not in _MAY_BE_EMPTY for name, value in pairs):
        yield CollectorBreach.PARAMETER_EMPTY
    if any(quote(unquote(value), safe=_UNESCAPED) != value for _, value in pairs):
        yield CollectorBreach.WRONGLY_ENCODED


def _kind(name: str) -> str:
    return "ext_" if name.startswith("ext_") and len(name) > len("ext_") else name


def _of_the_time(pairs: list[tuple[str, str]], *, now: float) -> Iterator[CollectorBreach]:
    name, value = pairs[0]
    if name != "dtstmp" or not _MILLISECONDS.fullmatch(value):
        yield CollectorBreach.NO_SEND_TIME
    elif abs(int(value) / 1000 - now) > 60:
        # It is set when the call goes out, on the caller's clock.
        yield CollectorBreach.WRONG_SEND_TIME


def _of_the_event(encoded: str | None) -> Iterator[CollectorBreach]:
    event = event_of(encoded)
    if event is None:
        yield CollectorBreach.UNREADABLE_EVENT
        return
    by_name = {name.lower(): value for name, value in event.items()}
    name = by_name.get("event", by_name.get("eventname"))
    if isinstance(name, str) and name.lower() in _NEVER_SENT:
        yield CollectorBreach.EVENT_NEVER_SENT
    for items in (by_name.get("items"), by_name.get("itemids")):
        if isinstance(items, list) and len(items) > _ITEMS_MAX:
            yield CollectorBreach.TOO_MANY_ITEMS
    if _EMAIL.search(json.dumps(event, ensure_ascii=False)):
        yield CollectorBreach.RAW_EMAIL


def _of_the_addresses(values: Mapping[str, str]) -> Iterator[CollectorBreach]:
    for name, version in (("pip", 4), ("pip6", 6)):
        if name not in values:
            continue
        try:
            address = ipaddress.ip_address(_from_base64(values[name]).decode())
        except (ValueError, binascii.Error):
            yield CollectorBreach.NO_ADDRESS
        else:
            if address.version != version:
                yield CollectorBreach.NO_ADDRESS


def _of_privacy(values: Mapping[str, str]) -> Iterator[CollectorBreach]:
    sections = values.get("gpp_as", "").split(",")
    if values.get("gdpr") == "1" or _GPP_OF_THE_EU in sections:
        yield CollectorBreach.SENT_UNDER_GDPR
    # The third letter is the opt-out of sale (source: IAB's US privacy string).
    if values.get("us_privacy", "")[2:3].upper() == "Y":
        yield CollectorBreach.SENT_AFTER_OPT_OUT


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
