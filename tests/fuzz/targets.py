"""What the inputs are given to: everything that reads bytes of others, up to the membership rules."""

import re
from collections.abc import Mapping

from consumer.audience.membership import AudienceKey
from consumer.choices import EventFormat
from consumer.errors import SettingsError
from consumer.record import IgnoreReason, Rejected
from consumer.segment.event_decoder import EventDecoder, SchemaNeeded
from consumer.segment.framing import RegistryId, SchemaRef
from consumer.segment.mapping.compiling import MappedEvents
from consumer.segment.mapping.reading import DEFAULT_PRESET, load_mapping, parse_mapping
from consumer.segment.membership_policy import MembershipPolicy
from consumer.segment.membership_rules import Origin
from consumer.segment.record_reading import read_record
from consumer.segment.registry_answers import understood
from consumer.segment.schemas import LoadedSchema, RefusedSchema, SchemaLookup, load_schema
from tests.builders import a_record

POLICY = MembershipPolicy(audiences=frozenset({AudienceKey("vip_customers")}), every_audience=True)
SCHEMA_ID = RegistryId(1)
_NUMBERS = re.compile(r"\d+")


class OneSchema:
    """A registry that has one schema, under the number 1, and is asked for any other in vain."""

    waiting = None

    def __init__(self, schema: LoadedSchema | RefusedSchema) -> None:
        self._schema = schema

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        return self._schema if ref == SCHEMA_ID else None

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        raise AssertionError


class Target:
    """Decodes values of every format with one schema, and tells the outcome of each."""

    def __init__(self, schema_text: str, *, mapping: str = DEFAULT_PRESET) -> None:
        self.schema = load_schema(schema_text)
        bare = self.schema if isinstance(self.schema, LoadedSchema) else _EMPTY
        mapped = MappedEvents(load_mapping(mapping), audiences=POLICY.audiences)
        self._decoders: Mapping[EventFormat, EventDecoder] = {
            each: EventDecoder(
                event_format=each,
                schemas=OneSchema(self.schema),
                bare_schema=bare,
                mapping=mapped,
            )
            for each in EventFormat
        }

    def outcome(
        self, event_format: EventFormat, value: bytes, headers: tuple[tuple[str, bytes | None], ...]
    ) -> str:
        """What becomes of a record with this value. Raises what the program would die of."""
        record = a_record(value=value, headers=headers)
        decoded = self._decoders[event_format].decode(record)
        if isinstance(decoded, SchemaNeeded):
            return "schema needed"
        reading = read_record(decoded, POLICY, Origin("events-0", 0, 1_768_000_000_000_000))
        if reading.rejected is not None:
            return f"rejected {reading.rejected.reason}: {_kind(reading.rejected)}"
        if reading.changes or reading.withheld:
            return "changes"
        if any(each.identifiers for each in reading.withdrawals):
            return "withdrawal"
        if reading.ignored:
            return f"ignored {sorted(reading.ignored, key=list(IgnoreReason).index)[0]}"
        raise AssertionError("a record without an outcome")


def outcome_of_schema(text: bytes) -> str:
    """What becomes of a schema that somebody registered."""
    schema = load_schema(text.decode("utf-8", "surrogateescape"))
    if isinstance(schema, RefusedSchema):
        return f"schema refused: {_sentence(schema.detail)}"
    return f"schema loaded, {schema.cost.bytes_per_byte} bytes per byte at most"


def outcome_of_mapping(text: bytes) -> str:
    """What becomes of a mapping file that somebody wrote, and of an event that is read by it."""
    try:
        mapping = parse_mapping(text.decode("utf-8", "replace"), "fuzz")
        mapped = MappedEvents(mapping, audiences=POLICY.audiences)
    except SettingsError:
        return "mapping refused"
    except ValueError:
        return "mapping refused: two audiences of one name"
    return f"mapping used: {type(mapped.read(_AN_EVENT)).__name__}"


def outcome_of_answer(status: int, content: bytes) -> str:
    """What becomes of an answer of the registry, and of the schema that may be in it."""
    answer = understood("/schemas/ids/1", status, {}, content)
    return f"registry: {type(answer).__name__}"


def _kind(rejected: Rejected) -> str:
    first_word = rejected.detail.split(" ", 1)[0]
    return first_word if first_word.endswith(("Error", "Exception")) else _sentence(rejected.detail)


def _sentence(detail: str) -> str:
    """The sentence without what differs from input to input."""
    return _NUMBERS.sub("N", detail.partition(":")[0].partition("; ")[0])[:70]


_AN_EVENT = {
    "messageId": "m-1",
    "type": "identify",
    "timestamp": "2026-11-23T10:00:00Z",
    "receivedAt": 1_768_000_000_000,
    "traits": {"email": "ana@example.com", "vip_customers": True},
    "context": '{"personas": {"computation_class": "audience", "computation_key": "vip_customers"}}',
}
_loaded = load_schema('{"type": "record", "name": "Empty", "fields": []}')
assert isinstance(_loaded, LoadedSchema)
_EMPTY = _loaded
