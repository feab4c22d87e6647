"""An event map, typed: what each call of Segment's is called at LiveIntent, and which of its fields go along."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from consumer.choices import DirectCallSink
from consumer.direct_calls.masking import looks_like_email
from consumer.segment.mapping.paths import Path, path_of

EVENT_NAME_MAX = 64
CONVERSION = "conversion"
"""What LiveIntent calls an event that somebody paid for, or did what a campaign is for."""
AMOUNT = "amount"
CURRENCY = "currency"

# LiveIntent's library only remembers these for later events of the same page, and never sends them (source: LiveConnect).
_NEVER_SENT = frozenset({"setemail", "setemailhash", "sethashedemail"})
# The library reads a meaning of its own into these, whatever their case; we put them there ourselves.
_RESERVED = frozenset(
    {"event", "eventname", "email", "emailhash", "hash", "hashedemail", "ipv4", "ipv6", "useragent"}
)
_OBJECTS = ("properties", "traits", "context")
_NAMES = ("name", "event")
ITEM = "item"


class Unlisted(StrEnum):
    """What becomes of a track event that has no row."""

    DROP = "drop"
    CAMEL_CASE = "camel-case"
    """It is sent under its own name in camel case: `Coupon Applied` as `couponApplied`."""


def can_be_sent(event_name: str) -> bool:
    """Whether LiveIntent's collector would be sent an event of this name."""
    return (
        0 < len(event_name) <= EVENT_NAME_MAX
        and event_name.isprintable()
        and event_name == event_name.strip()
        and event_name.lower() not in _NEVER_SENT
        and not looks_like_email(event_name)
    )


def _event_name(name: str) -> str:
    if not can_be_sent(name):
        message = (
            f"is no name of an event that LiveIntent takes: {name!r} (printable, at most {EVENT_NAME_MAX} characters, "
            "and none of setEmail, setEmailHash, setHashedEmail)"
        )
        raise ValueError(message)
    return name


def _field_name(name: str) -> str:
    if not name or len(name) > EVENT_NAME_MAX or not name.isprintable():
        raise ValueError("has a field without a usable name")
    if name.lower() in _RESERVED:
        message = f"has a field that this program fills in itself: {name}"
        raise ValueError(message)
    return name


def _rooted(path: Path) -> Path:
    known = path[0] in (*_OBJECTS, ITEM) or (path[0] in _NAMES and len(path) == 1)
    if not known:
        message = (
            f"begins a path with {path[0]!r}: it can be name, event, or begin with properties, traits or context "
            "(with item for the members of an item)"
        )
        raise ValueError(message)
    return path


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


def _from(given: object) -> object:
    return {"from": given} if isinstance(given, str | list) else given


def _parsed(given: object) -> object:
    return path_of(given) if isinstance(given, str) else given


APath = Annotated[Path, BeforeValidator(_parsed), AfterValidator(_rooted)]
Paths = Annotated[tuple[APath, ...], BeforeValidator(_listed)]
EventName = Annotated[str, AfterValidator(_event_name)]
FieldName = Annotated[str, AfterValidator(_field_name)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FieldSource(_Table):
    """Where a field is: the first of these that holds a text, a number or a boolean; or what it always is."""

    paths: Paths = Field(default=(), alias="from")
    constant: str | int | float | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.paths) == (self.constant is not None):
            raise ValueError("must have either from or constant")
        return self


Source = Annotated[FieldSource, BeforeValidator(_from)]


class Row(_Table):
    """What one call becomes."""

    send: bool = True
    event: EventName | None = None
    """None: an event without a name, which LiveIntent takes for a plain page view."""
    fields: dict[FieldName, Source] = {}
    """In the order they are sent in."""
    items: Paths = ()
    """Where its items are: an array of objects, or the one object that is the item."""
    requires_email: bool = False
    """Not to be sent for somebody without an email."""
    sinks: Annotated[tuple[DirectCallSink, ...], Field(min_length=1)] = (DirectCallSink.COLLECTOR,)
    """Where it may go, the best first: it goes to the first that is switched on."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if DirectCallSink.CONVERSIONS in self.sinks and self.event != CONVERSION:
            message = f"must not send to conversions what is not the event {CONVERSION}"
            raise ValueError(message)
        for source in self.fields.values():
            _refuse_items(source.paths)
        _refuse_items(self.items)
        if self.items and "items" in self.fields:
            raise ValueError("has items twice: as such, and among its fields")
        return self


class UnlistedRow(_Table):
    """What becomes of track events without a row, and what goes along."""

    policy: Unlisted = Unlisted.DROP
    fields: dict[FieldName, Source] = {}
    items: Paths = ()
    requires_email: bool = False


def _places(*names: str) -> Paths:
    objects = (("context", "consent"), ("context",), ("properties",))
    return tuple((*under, name) for under in objects for name in names)


class PrivacyPaths(_Table):
    """Where the person's choices are, in IAB's words: the first that is not null. Segment's spec has no place for them."""

    us_privacy: Paths = _places("us_privacy", "usPrivacy")
    gdpr: Paths = _places("gdpr", "gdpr_applies", "gdprApplies")
    gdpr_consent: Paths = _places("gdpr_consent", "gdprConsent", "tc_string", "tcString")
    gpp: Paths = _places("gpp", "gpp_string", "gppString")
    gpp_sections: Paths = _places(
        "gpp_sections", "gpp_sid", "gppApplicableSections", "applicableSections"
    )


def _refuse_items(paths: Paths) -> None:
    if any(path[0] == ITEM for path in paths):
        raise ValueError("has a path that begins with item outside of [items]")


class EventMap(_Table):
    """From Segment's calls to LiveIntent's events. A call without a row is not sent."""

    description: str = ""
    extends: str | None = None
    page: Row | None = None
    screen: Row | None = None
    identify: Row | None = None
    group: Row | None = None
    track: dict[str, Row] = {}
    """By the event's name, compared exactly."""
    unlisted: UnlistedRow = UnlistedRow()
    items: dict[FieldName, Source] = {}
    """The members of every item; `item` begins a path into the item itself."""
    privacy: PrivacyPaths = PrivacyPaths()
