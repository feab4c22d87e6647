"""Drafts of mappings: they always load, mark what is guessed, and list what has no place."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from consumer.segment.event import SegmentEvent, event_from
from consumer.segment.mapping.compiling import compile_mapping
from consumer.segment.mapping.drafting import UNSURE, draft_mapping
from consumer.segment.mapping.found_fields import fields_of, schema_of_samples
from consumer.segment.mapping.model import Envelope, EventMapping
from consumer.segment.mapping.names import Converter
from consumer.segment.mapping.reading import parse_mapping
from consumer.segment.schemas import default_schemas_directory
from tests.segment_events import an_identify, event_of
from tests.shapes import Written, a_schema, as_map_of_strings, as_map_of_unions, as_warehouse_row

V1 = json.loads((default_schemas_directory() / "segment_event.v1.avsc").read_text())
TEXT = ["null", "string"]
MICROSECONDS = {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}


def draft(schema: dict[str, Any]) -> tuple[str, EventMapping]:
    text = draft_mapping(fields_of(schema), schema["name"])
    return text, parse_mapping(text, "draft.toml")


def test_segments_own_names_are_certain_and_the_rest_is_listed() -> None:
    text, mapping = draft(V1)

    assert UNSURE not in text
    assert "# Not placed:\n#   userId\n" in text
    assert compile_mapping(mapping)(an_identify()) == event_of(an_identify())


@pytest.mark.parametrize("write", [as_map_of_unions, as_map_of_strings, as_warehouse_row])
def test_a_draft_for_a_known_shape_reads_its_events(write: Callable[[Any], Written]) -> None:
    fields = an_identify()
    written = write(fields)
    written.schema["name"] = "Identifies"

    _, mapping = draft(written.schema)

    event = written.read(mapping)
    assert isinstance(event, SegmentEvent)
    assert event.traits == fields["traits"]
    assert event.context["personas"]["computation_key"] == "spring_sale_openers"  # type: ignore[index]
    assert event.timestamp_us == event_of(fields).timestamp_us


def test_a_policy_for_booleans_is_only_ever_a_guess() -> None:
    text, mapping = draft(as_map_of_strings(an_identify()).schema)

    assert f"[booleans]  {UNSURE}" in text
    assert mapping.booleans is not None


def test_a_guess_by_name_is_marked() -> None:
    text, mapping = draft(
        a_schema("Event", {"event_type": TEXT, "ts": "long", "user_traits": TEXT, "colour": TEXT})
    )

    assert mapping.call.type.paths == (("event_type",),)
    assert f'type = "event_type"  {UNSURE} guessed from its name' in text
    assert (
        f"{UNSURE} guessed from its name; a number: seconds, milliseconds or microseconds?" in text
    )
    assert "# No field for messageId was found." in text
    assert "# Not placed:\n#   colour\n" in text


def test_a_table_in_a_change_event_is_found_with_its_times_and_names() -> None:
    row = a_schema(
        "Row",
        {"id": "string", "ts": MICROSECONDS, "traits": TEXT, "_30_day_active": ["null", "boolean"]},
    )

    text, mapping = draft(a_schema("AudienceEntered", {"op": "string", "after": ["null", row]}))

    assert mapping.within == ("after",)
    assert mapping.envelope is Envelope.CHANGE_EVENT
    assert mapping.call.type.constant == "track"
    assert mapping.call.timestamp.unit == "microseconds"
    assert mapping.audiences.converter is Converter.DEBEZIUM
    assert text.count(UNSURE) >= 4


def test_what_engage_says_is_found_wherever_it_stands() -> None:
    engage = a_schema("Engage", {"computation_key": TEXT, "computation_class": TEXT})

    _, mapping = draft(
        a_schema("Identify", {"messageId": TEXT, "engage": engage, "vip": "boolean"})
    )

    assert mapping.context.place == {
        "personas.computation_key": "engage.computation_key",
        "personas.computation_class": "engage.computation_class",
    }


def test_samples_give_a_draft_as_well() -> None:
    samples = [an_identify(), an_identify(traits={"age": 3})]

    text, mapping = draft(schema_of_samples(samples))

    assert UNSURE not in text
    assert compile_mapping(mapping)(samples[1]) == event_from(samples[1])


def test_a_schema_that_contains_itself_ends() -> None:
    node = a_schema("Node", {"messageId": TEXT, "next": ["null", "Node"]})

    assert draft(node)[1].call.message_id.paths == (("messageId",),)


def test_a_record_that_nobody_knows_still_gives_a_mapping_that_loads() -> None:
    text, mapping = draft(
        a_schema("Thing", {'"odd" na.me': "int", "other": {"type": "array", "items": "int"}})
    )

    assert f"{UNSURE} no field says which call it is" in text
    assert mapping.call.type.constant == "identify"
