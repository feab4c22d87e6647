"""A direct call, or why there is none, as fields for JSON and as lines for people."""

import json
from collections.abc import Iterator

from consumer.direct_calls.call import DirectCall
from consumer.record import IgnoreReason
from consumer.segment.reasons import in_words

_OF_THE_PERSON = ("email", "emailHash", "ipv4", "ipv6", "userAgent")


def direct_call_fields(told: DirectCall | IgnoreReason | None) -> dict[str, object]:
    """Return what an explanation's JSON has beside the rest; nothing where direct calls are not a question."""
    if told is None:
        return {}
    if not isinstance(told, DirectCall):
        return {"direct_call": None, "direct_call_reason": told}
    call = {
        "sink": told.sink,
        "event": json.loads(told.event_json),
        "event_id": told.event_id,
        "email_hashes": list(told.email_hashes),
        "page_url": told.page.url if told.page else None,
    }
    return {"direct_call": call, "direct_call_reason": None}


def direct_call_lines(told: DirectCall | IgnoreReason | None) -> Iterator[str]:
    """Give the lines for a terminal: what LiveIntent's event says, without the person's address, agent and hashes."""
    if isinstance(told, DirectCall):
        event = json.loads(told.event_json)
        known = {name: value for name, value in event.items() if name not in _OF_THE_PERSON}
        whom = "an email" if told.email_hashes else "an address only"
        yield f"forward to {told.sink}, for somebody known by {whom}: {json.dumps(known)}"
    elif told is not None:
        yield f"forwarded nowhere, {told}: {in_words(told)}"
