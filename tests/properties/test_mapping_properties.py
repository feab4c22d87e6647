"""What one program writes in its own shape, a mapping reads as the event it was, as far as the shape can carry it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consumer.record import Rejected
from consumer.segment.event import EventType, SegmentEvent, event_from
from consumer.segment.mapping.compiling import compile_mapping
from consumer.segment.mapping.names import Converter, converted_names, rule_of
from consumer.segment.mapping.paths import path_of, text_of
from consumer.segment.mapping.reading import load_mapping, parse_mapping, preset_names
from tests.shapes import as_map_of_strings, as_map_of_unions

NAMES = st.text("abcdefgXYZ0159_- ", min_size=1, max_size=12)
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=8).filter(lambda t: t[:1] not in "{[")
)
NESTED = st.recursive(
    SCALARS,
    lambda inside: st.dictionaries(NAMES, inside, max_size=3) | st.lists(inside, max_size=3),
)
OBJECTS = st.none() | st.dictionaries(NAMES, NESTED, max_size=4)
TIMES_US = st.integers(946_684_800_000_000, 4_102_444_799_999_999)
TYPES = st.sampled_from([str(kind) for kind in EventType])
EVENTS = st.fixed_dictionaries(
    {"type": TYPES, "messageId": st.text(max_size=8)},
    optional={
        "event": st.none() | st.text(max_size=8),
        "traits": OBJECTS,
        "properties": OBJECTS,
        "context": OBJECTS,
        "integrations": OBJECTS,
    },
)


@given(EVENTS)
def test_a_map_of_unions_carries_every_event(fields: dict[str, Any]) -> None:
    assert as_map_of_unions(fields).read(load_mapping("map-of-unions")) == event_from(fields)


TEXTS = st.dictionaries(NAMES.filter(lambda name: "." not in name), st.text(max_size=8).filter(lambda t: t[:1] not in "{[" and t not in ("true", "false")) | st.booleans(), max_size=4)  # fmt: skip


@given(TYPES, TEXTS, TEXTS)
def test_a_map_of_strings_carries_texts_and_booleans(
    kind: str, traits: dict[str, Any], integrations: dict[str, Any]
) -> None:
    fields = {"type": kind, "messageId": "m", "traits": traits, "integrations": integrations}

    assert as_map_of_strings(fields).read(load_mapping("map-of-strings")) == event_from(fields)


@given(
    EVENTS,
    st.permutations(
        ["messageId", "type", "event", "traits", "properties", "context", "integrations"]
    ),
)
def test_any_names_of_fields_can_be_told(fields: dict[str, Any], theirs: list[str]) -> None:
    ours = ["messageId", "type", "event", "traits", "properties", "context", "integrations"]
    names = dict(zip(ours, (f"x.{name}" for name in theirs), strict=True))
    calls = [f"{name} = {json.dumps(names[name])}" for name in ours[:3]]
    sections = [f"[{name}]\nfrom = {json.dumps(names[name])}" for name in ours[3:]]
    mapping = parse_mapping("\n".join(["[call]", *calls, *sections]), "drawn.toml")

    record = {
        "x": {theirs_name: fields.get(name) for name, theirs_name in zip(ours, theirs, strict=True)}
    }

    assert compile_mapping(mapping)(record) == event_from(fields)


@given(TIMES_US)
def test_a_time_in_microseconds_is_exact(moment_us: int) -> None:
    text = "[call]\ntimestamp = { from = 'ts', unit = 'microseconds' }"

    event = compile_mapping(parse_mapping(text, "drawn.toml"))({"type": "track", "ts": moment_us})

    assert isinstance(event, SegmentEvent)
    assert event.timestamp_us == moment_us


@given(
    st.dictionaries(st.text("abz_0", min_size=1, max_size=8), st.booleans(), max_size=5),
    st.booleans(),
)
def test_columns_carry_the_traits_of_a_flat_row(traits: dict[str, Any], is_known: bool) -> None:
    row = {"Id": "m", **traits}
    mapping = parse_mapping(
        "[call]\nmessageId = 'Id'\ntype = { constant = 'identify' }\n[traits]\ncolumns = ['*']",
        "drawn.toml",
    )

    event = compile_mapping(mapping, names=tuple(row) if is_known else None)(row)

    assert isinstance(event, SegmentEvent)
    assert (event.message_id, event.traits) == ("m", traits)


@given(
    st.sampled_from([Converter.CONFLUENT, Converter.DEBEZIUM, Converter.SEGMENT_WAREHOUSE]),
    st.sets(NAMES, max_size=4),
    st.booleans(),
)
def test_listed_audiences_come_back_from_what_a_converter_made_of_them(
    converter: Converter, audiences: set[str], value: bool
) -> None:
    rule = rule_of(converter)
    assert rule is not None
    try:
        converted_names(converter, audiences)
    except ValueError:
        return  # two of them come under one name, which is refused at the start
    mapping = parse_mapping(f"[audiences]\nconverter = '{converter}'", "drawn.toml")
    record = {"type": "identify", "traits": {rule(name): value for name in audiences}}

    event = compile_mapping(mapping, audiences=audiences)(record)

    assert isinstance(event, SegmentEvent)
    assert event.traits == dict.fromkeys(audiences, value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inside: (
        st.dictionaries(st.text(max_size=6), inside, max_size=3) | st.lists(inside, max_size=3)
    ),
)
FIELD_NAMES = st.sampled_from(["type", "id", "traits", "context", "integrations", "timestamp", "received_at", "context_traits_email", "context_consent_category_preferences_ads"])  # fmt: skip


@given(
    st.sampled_from(preset_names()),
    st.dictionaries(FIELD_NAMES | st.text(max_size=4), ANYTHING, max_size=6),
)
def test_nothing_that_a_record_holds_makes_a_mapping_raise(
    name: str, record: dict[str, Any]
) -> None:
    assert isinstance(compile_mapping(load_mapping(name))(record), SegmentEvent | Rejected)


@given(st.lists(st.text("ab.c d", min_size=1, max_size=5), min_size=1, max_size=4))
def test_a_path_is_read_as_it_is_written(steps: list[str]) -> None:
    assert path_of(text_of(steps)) == tuple(steps)
