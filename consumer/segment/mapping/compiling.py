"""From a mapping to the function that reads each record of a feed, or of one writer's schema."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from consumer.record import Ignored, IgnoreReason, Rejected
from consumer.segment.event import SegmentEvent, event_from
from consumer.segment.mapping.model import Envelope, EventMapping, NameSource, TimeSource, Unit
from consumer.segment.mapping.names import converted_names, rule_of
from consumer.segment.mapping.objects import object_in, renaming
from consumer.segment.mapping.paths import FieldOf, Get, getter
from consumer.segment.mapping.sections import compile_section, first_of
from consumer.segment.schemas import LoadedSchema

ReadEvent = Callable[[Mapping[str, object]], SegmentEvent | Ignored | Rejected]
"""The event that the fields of a decoded value describe, or why there is none; it never raises for what they hold."""

_NO_MAPPING = EventMapping()
_MOST_SCHEMAS = 1_000
_MOST_DIGITS = 20
_ROW_DELETED = Ignored(IgnoreReason.ROW_DELETED)
_OPERATION = "op"
_DELETIONS = (
    "d",
    "t",
)  # a row; all rows of a table (source: Debezium's documentation of its change events)
_NO_TIME = 10**18  # in any unit; whole numbers may be larger than any float


class MappedEvents:
    """A mapping at work: compiled once for a feed without schemas, and once for each writer's schema."""

    def __init__(self, mapping: EventMapping, *, audiences: Collection[str] = ()) -> None:
        """Read by `mapping`, with `audiences` the listed ones.

        Raises ValueError when two of them would come under one name.
        """
        self._mapping = mapping
        self._audiences = frozenset(audiences)
        self.read: ReadEvent = compile_mapping(mapping, audiences=self._audiences)
        # With the schema itself, so that its id belongs to nobody else meanwhile.
        self._by_schema: dict[int, tuple[LoadedSchema, ReadEvent]] = {}

    def for_schema(self, schema: LoadedSchema) -> ReadEvent:
        """What reads the records written with this schema."""
        if self.read is event_from:
            return event_from
        known = self._by_schema.get(id(schema))
        if known is not None:
            return known[1]
        names = field_names(schema) if not self._mapping.within else None
        read = compile_mapping(self._mapping, audiences=self._audiences, names=names)
        if len(self._by_schema) >= _MOST_SCHEMAS:
            self._by_schema.clear()
        self._by_schema[id(schema)] = (schema, read)
        return read


def field_names(schema: LoadedSchema) -> tuple[str, ...]:
    """The names of the record's own fields, in their order."""
    fields = schema.schema.get("fields")
    return tuple(field["name"] for field in fields) if isinstance(fields, list) else ()


def compile_mapping(
    mapping: EventMapping,
    *,
    audiences: Collection[str] = (),
    names: Collection[str] | None = None,
) -> ReadEvent:
    """What reads records by the mapping. `names` are the fields of every record, when its schema is known.

    Raises ValueError when two of the listed `audiences` would come under one name.
    """
    if mapping == _NO_MAPPING.model_copy(update=_remarks(mapping)):
        return event_from
    aliases = mapping.audiences.aliases
    unnamed = set(audiences) - set(aliases.values())
    by_name = converted_names(mapping.audiences.converter, unnamed) | aliases
    call = mapping.call
    getters: list[tuple[str, Get]] = [
        ("messageId", first_of(call.message_id.paths)),
        ("type", _name(call.type)),
        ("event", _name(call.event)),
        ("name", _name(call.name)),
        ("timestamp", _time(call.timestamp)),
        ("receivedAt", _time(call.received_at)),
    ]
    getters += [
        (name, compile_section(mapping, name, names=names, audiences=audiences_in))
        for name, audiences_in in (
            ("traits", by_name), ("properties", by_name), ("context", {}), ("integrations", {})
        )
    ]  # fmt: skip
    restore = _restoring_engages_key(mapping)
    plain = [(ours, get.name) for ours, get in getters if isinstance(get, FieldOf)]
    others = [(ours, get) for ours, get in getters if not isinstance(get, FieldOf)]
    within = getter(mapping.within) if mapping.within else None
    is_change_event = mapping.envelope is Envelope.CHANGE_EVENT
    operation = getter((*mapping.within[:-1], _OPERATION))

    def read(record: Mapping[str, object]) -> SegmentEvent | Ignored | Rejected:
        if within is not None:
            inner = within(record)
            if inner is None and is_change_event and operation(record) in _DELETIONS:
                return _ROW_DELETED
            record = inner if isinstance(inner, Mapping) else {}
        find = record.get
        fields = {ours: find(theirs) for ours, theirs in plain}
        for ours, get in others:
            fields[ours] = get(record)
        return event_from(fields if restore is None else restore(fields))

    return read


def _remarks(mapping: EventMapping) -> dict[str, object]:
    """The parts of a mapping that are for people."""
    return {"description": mapping.description, "extends": mapping.extends}


def _name(source: NameSource) -> Get:
    constant = source.constant
    return first_of(source.paths) if constant is None else lambda _record: constant


def _time(source: TimeSource) -> Get:
    find = first_of(source.paths)
    match source.unit:
        case Unit.MILLISECONDS:
            return find
        case Unit.SECONDS:
            return lambda record: _milliseconds(find(record), _from_seconds)
        case Unit.MICROSECONDS:
            return lambda record: _milliseconds(find(record), _from_microseconds)


def _from_seconds(seconds: float) -> float:
    return seconds * 1000


def _from_microseconds(microseconds: float) -> float:
    # Divided, not multiplied by a thousandth, which no float is: so it stays exact to the last microsecond.
    return microseconds / 1000


def _milliseconds(value: object, convert: Callable[[float], float]) -> object:
    """The number as milliseconds. Everything else, such as ISO 8601 or a logical timestamp, needs no unit."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:_MOST_DIGITS])
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _NO_TIME:
        return convert(value)
    return value


def _restoring_engages_key(
    mapping: EventMapping,
) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """What puts the membership under the key that Engage names, when a converter has renamed the field but not the key."""
    rule = rule_of(mapping.audiences.converter)
    if rule is None:
        return None

    def restore(fields: dict[str, Any]) -> dict[str, Any]:
        context = object_in(fields["context"])
        personas = context.get("personas") if context else None
        key = personas.get("computation_key") if isinstance(personas, Mapping) else None
        if not isinstance(key, str) or (name := rule(key)) == key:
            return fields
        named = renaming({name: key})
        for part in ("traits", "properties"):
            members = object_in(fields[part])
            if members:
                fields[part] = named(members)
        fields["context"] = context
        return fields

    return restore


AS_SEGMENT_WRITES_IT = MappedEvents(_NO_MAPPING)
"""Segment's own shape, and our v1: nothing to map."""
