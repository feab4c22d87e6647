"""What a direct call is: one event of one person, ready to be sent to LiveIntent, and nothing that it does not need."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from consumer.choices import DirectCallSink, SegmentCall
from consumer.direct_calls.page_address import PageAddress

_EVENT_IDS = uuid.UUID("6f0c6f2e-5d0b-5c1e-9a37-0f5f3f1c7d11")
"""Our namespace for the ids of conversions. Never to be changed: LiveIntent would count replayed events again."""


class ConversionSource(StrEnum):
    """Where a conversion happened, as LiveIntent's Conversions API spells it."""

    WEB = "web"
    APP = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySignals:
    """What the event says of the person's choices, in IAB's words; None where it says nothing.

    Events to which GDPR applies are not sent at all, so `gdpr` is False or None in every call.
    """

    us_privacy: str | None = None
    """IAB's US privacy string, such as `1YNN`."""
    gdpr: bool | None = None
    gdpr_consent: str | None = None
    """IAB's TCF string."""
    gpp: str | None = None
    """IAB's GPP string."""
    gpp_sections: tuple[int, ...] = ()
    """The numbers of the sections that apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What was paid; either may be unknown."""

    currency: str | None = None
    value: int | float | None = None


NO_SIGNALS = PrivacySignals()
NO_PURCHASE = Purchase()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCall:
    """One event for LiveIntent.

    Small and serialisable, without a raw email: addresses are hashed, and masked wherever else they stood. Does not
    print what it holds of the person.
    """

    sink: DirectCallSink
    """Where it goes."""
    call: SegmentCall
    """What it was at Segment."""
    message_id: str
    """Segment's messageId, or the event's place in Kafka; never empty."""
    event_us: int
    """When it happened, clamped as a membership change's version is; epoch microseconds."""
    event_json: str
    """LiveIntent's event object, masked, as compact JSON: what the collector takes as `se` before its encoding."""
    email_hashes: tuple[str, ...] = ()
    """The hashes of the person's one email, or the one hash that came; empty when the event has none."""
    page: PageAddress | None = None
    referrer: str | None = None
    """The address that led to the page, cleaned as the page's own."""
    ip: str | None = None
    """The person's IPv4 address."""
    ip6: str | None = None
    user_agent: str | None = None
    """The person's agent, fit for a header: printable ASCII."""
    privacy: PrivacySignals = NO_SIGNALS
    source: ConversionSource = ConversionSource.WEB
    purchase: Purchase = NO_PURCHASE

    @property
    def event_id(self) -> str:
        """A UUID that depends on the message id alone: a retry or a replay of the event has it again."""
        return str(uuid.uuid5(_EVENT_IDS, self.message_id))

    @property
    def event_seconds(self) -> int:
        """When it happened, epoch seconds."""
        return self.event_us // 1_000_000

    @property
    def size_bytes(self) -> int:
        """What its texts weigh in memory, about; for budgets."""
        texts = (self.event_json, self.referrer, self.user_agent, self.message_id)
        url = self.page.url if self.page else None
        signals = (self.privacy.gdpr_consent, self.privacy.gpp)
        return sum(len(text) for text in (*texts, url, *signals, *self.email_hashes) if text)

    def __repr__(self) -> str:
        return f"DirectCall({self.call} to {self.sink}, {len(self.email_hashes)} hashes)"
