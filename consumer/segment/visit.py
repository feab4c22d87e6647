"""Where somebody was when a call was made, and with what: Segment's `context`, as LiveIntent wants to know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from consumer.direct_calls.call import ConversionSource
from consumer.direct_calls.masking import looks_like_email
from consumer.direct_calls.page_address import PageAddress, page_address
from consumer.segment.event import EventType, SegmentEvent

_NOTHING: Mapping[str, object] = {}
_AGENT_MAX = 512
_LIMITED_TRACKING = (
    "00000000-0000-0000-0000-000000000000"  # what a phone hands out instead of an id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What is known of it; personal data, so `repr` shows none of it."""

    page: PageAddress | None
    referrer: str | None
    ip: str | None
    ip6: str | None
    user_agent: str | None
    source: ConversionSource

    def __repr__(self) -> str:
        return f"Visit({self.source})"


def visit_of(event: SegmentEvent) -> Visit:
    """Return where the event's person was. A page call has its addresses among its properties, others in `context`."""
    page = _mapping(event.context.get("page"))
    own = event.properties if event.type is EventType.PAGE else _NOTHING
    url = _text(own, "url") or _text(page, "url")
    referrer = page_address(
        _text(own, "referrer") or _text(page, "referrer") or _text(event.context, "referrer")
    )
    ip, ip6 = _addresses(_text(event.context, "ip"))
    is_app = event.type is EventType.SCREEN or (bool(event.context.get("app")) and not url)
    return Visit(
        page=page_address(url),
        referrer=referrer.url if referrer else None,
        ip=ip,
        ip6=ip6,
        user_agent=_agent(_text(event.context, "userAgent")),
        source=ConversionSource.APP if is_app else ConversionSource.WEB,
    )


def limits_ad_tracking(event: SegmentEvent) -> bool:
    """Tell whether the device's owner does not want to be tracked: what is done there is not told, whatever the id."""
    device = _mapping(event.context.get("device"))
    is_limited = device.get("adTrackingEnabled") is False
    return is_limited or _text(device, "advertisingId") == _LIMITED_TRACKING


def _addresses(text: str) -> tuple[str | None, str | None]:
    """The address as version 4 and as version 6: one of them, or none."""
    try:
        # An IPv6 address may name a zone, which is any text.
        address = ip_address("" if "%" in text else text)
    except ValueError:
        return None, None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (str(address), None) if isinstance(address, IPv4Address) else (None, str(address))


def _agent(text: str) -> str | None:
    """The agent as a header can hold it; None for one with an address to write to, which is a robot's."""
    if looks_like_email(text):
        return None
    printable = (letter if " " <= letter <= "~" else "?" for letter in text[:_AGENT_MAX])
    return "".join(printable).strip() or None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else _NOTHING


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""
