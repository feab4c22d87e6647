"""Direct calls as LiveIntent's Conversions API takes them: a JSON array of events (source: LiveIntent's Conversions API)."""

from collections.abc import Mapping, Sequence

from consumer.direct_calls.call import DirectCall
from consumer.direct_calls.event_json import event_json

MOST_EVENTS = 100
"""In one request (source: a connector that is in use; LiveIntent publishes no limit)."""

_HASHES: Mapping[int, str] = {64: "sha2", 32: "md5"}  # by length; sha1 has no field there


def conversions_body(calls: Sequence[DirectCall], *, pixel_id: int) -> bytes:
    """Return the body of a request that tells of the calls, in their order.

    Raises ValueError for none, and for more than `MOST_EVENTS`.
    """
    if not 0 < len(calls) <= MOST_EVENTS:
        message = f"a request tells of 1 to {MOST_EVENTS} conversions, not {len(calls)}"
        raise ValueError(message)
    return event_json([conversion(call, pixel_id=pixel_id) for call in calls]).encode()


def conversion(call: DirectCall, *, pixel_id: int) -> dict[str, object]:
    """Return the event for one call; what is not known of it is left out.

    Its id is that of the Segment event, so that LiveIntent can tell a repetition; its time is the event's, in epoch seconds.
    """
    person: dict[str, object] = {
        _HASHES[len(value)]: value for value in reversed(call.email_hashes) if len(value) in _HASHES
    }
    purchase = {
        "currency": call.purchase.currency,
        "value": call.purchase.value,
        "sourceUrl": call.page.url if call.page else None,
    }
    return {
        "eventId": call.event_id,
        "pixelId": pixel_id,
        "eventTime": call.event_seconds,
        "source": call.source,
        "userData": _known({**person, "ip": call.ip or call.ip6, "ua": call.user_agent}),
        "purchaseData": _known(purchase),
    }


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
