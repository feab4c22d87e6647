"""A mapping, typed: where in a writer's record each part of Segment's event is."""

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from consumer.segment.event import EventType
from consumer.segment.mapping.names import Converter
from consumer.segment.mapping.paths import ANY, Path, path_of

SECTIONS = ("traits", "properties", "context", "integrations")


class Unit(StrEnum):
    """What a number that stands for a time counts since 1970. Without one it has to be milliseconds."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    MICROSECONDS = "microseconds"


class Envelope(StrEnum):
    """What the record is that `within` stands in."""

    PLAIN = "plain"
    CHANGE_EVENT = "change-event"
    """A database's change event, as Debezium writes it: beside the row is `op`, and `d` or `t` say that rows were deleted."""


class Values(StrEnum):
    """What the texts inside an object are."""

    AS_THEY_ARE = "as-they-are"
    JSON_TEXT = "json-text"
    """Text that begins as an object or an array is read as JSON. Other text stays text: no text becomes a number,
    and none a boolean but by the policy for booleans."""


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


def _from(given: object) -> object:
    return {"from": given} if isinstance(given, str | list) else given


def _parsed(given: object) -> object:
    return path_of(given) if isinstance(given, str) else given


def _pattern(text: str) -> str:
    if not text or text.count(ANY) > 1:
        message = (
            f"has a pattern that cannot be used: {text!r} (a name, with at most one star in it)"
        )
        raise ValueError(message)
    return text


def _boolean_field(path: Path) -> Path:
    if path[0] not in SECTIONS or len(path) < 2 or ANY in path[:-1]:
        message = f"has a field that cannot be used: {'.'.join(path)!r} (such as traits.*, or context.device.adTrackingEnabled; a star only at the end)"
        raise ValueError(message)
    return path


APath = Annotated[Path, BeforeValidator(_parsed)]
Paths = Annotated[tuple[APath, ...], BeforeValidator(_listed)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed)]
BooleanField = Annotated[APath, AfterValidator(_boolean_field)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FieldSource(_Table):
    """Where a single value is: the first of these that is not null."""

    paths: Paths = Field(alias="from")


class TimeSource(FieldSource):
    """Where a time is, and how it is written when it is a number."""

    unit: Unit = Unit.MILLISECONDS


class NameSource(_Table):
    """Where the name of a track event is, or what it always is."""

    paths: Paths = Field(default=(), alias="from")
    constant: str | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.paths) == (self.constant is not None):
            raise ValueError("must have either from or constant")
        return self


class TypeSource(NameSource):
    """Where the call's type is, or what it always is: a table of a warehouse is one type of call."""

    constant: EventType | None = None


class Call(_Table):
    """The single values of a call. What is not named here is read under Segment's own name."""

    message_id: Annotated[FieldSource, BeforeValidator(_from)] = Field(
        default=FieldSource.model_validate({"from": "messageId"}), alias="messageId"
    )
    type: Annotated[TypeSource, BeforeValidator(_from)] = TypeSource.model_validate(
        {"from": "type"}
    )
    event: Annotated[NameSource, BeforeValidator(_from)] = NameSource.model_validate(
        {"from": "event"}
    )
    name: Annotated[NameSource, BeforeValidator(_from)] = NameSource.model_validate(
        {"from": "name"}
    )
    """What a page or a screen is called."""
    timestamp: Annotated[TimeSource, BeforeValidator(_from)] = TimeSource.model_validate(
        {"from": "timestamp"}
    )
    received_at: Annotated[TimeSource, BeforeValidator(_from)] = Field(
        default=TimeSource.model_validate({"from": "receivedAt"}), alias="receivedAt"
    )


class Section(_Table):
    """Where one of the four objects of a call is, and what to make of what is found."""

    paths: Paths | None = Field(default=None, alias="from")
    """The first of these that holds anything. None: under Segment's own name, unless columns make the object."""
    columns: Patterns = ()
    """Columns of the record that are members of the object; the star stands for the member's name. Null: not there."""
    separator: str | None = Field(default=None, min_length=1, max_length=8)
    """What stands between the names in the name of a flattened member."""
    values: Values = Values.AS_THEY_ARE
    rename: dict[str, str] = {}
    """Members under other names: what is found, and what it is."""
    place: dict[str, Pattern] = {}
    """Members from elsewhere in the record: the path in the object, and the path in the record, or columns (a star)."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.rename.values())) < len(self.rename):
            raise ValueError("must not rename two members to one name")
        targets = sorted(path_of(target) for target in self.place)
        for shorter, longer in pairwise(targets):
            if longer[: len(shorter)] == shorter:
                raise ValueError("must not place one member inside another that is placed as well")
        for source in self.place.values():
            if ANY not in source:
                path_of(source)
        return self


class Booleans(_Table):
    """Which texts are booleans, and where. Nothing else ever makes a boolean of a text."""

    fields: tuple[BooleanField, ...] = Field(min_length=1)
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if both := set(self.true) & set(self.false):
            message = f"must not take the same text for true and for false: {sorted(both)}"
            raise ValueError(message)
        return self


class AudienceNames(_Table):
    """How audiences' keys come back from the names that a converter made of them, in traits and properties."""

    aliases: dict[str, str] = {}
    """What is found, and the audience's key."""
    converter: Converter = Converter.NONE
    """Whose rule to compare with: for listed audiences, and for the key that Engage names in `context.personas`."""


class EventMapping(_Table):
    """From a writer's record to Segment's event. A mapping that says nothing is Segment's own shape."""

    description: str = ""
    extends: str | None = None
    within: APath = ()
    """Where in the record everything is: `after` in a change event of a database."""
    envelope: Envelope = Envelope.PLAIN
    """What stands around it."""
    call: Call = Call()
    traits: Section = Section()
    properties: Section = Section()
    context: Section = Section()
    integrations: Section = Section()
    ignore: Patterns = ()
    """Columns that are no members of any object, whatever `columns` says."""
    booleans: Booleans | None = None
    audiences: AudienceNames = AudienceNames()

    @model_validator(mode="after")
    def _envelope_holds_something(self) -> Self:
        if self.envelope is Envelope.CHANGE_EVENT and not self.within:
            raise ValueError('must have within (such as "after") when envelope is change-event')
        return self

    @model_validator(mode="after")
    def _one_takes_the_rest(self) -> Self:
        greedy = [name for name in SECTIONS if ANY in self.section(name).columns]
        if len(greedy) > 1:
            message = f"gives every column to two objects: {greedy[0]} and {greedy[1]}"
            raise ValueError(message)
        return self

    def section(
        self, name: Literal["traits", "properties", "context", "integrations"] | str
    ) -> Section:
        """The part about one of the four objects."""
        section: Section = getattr(self, name)
        return section
