"""What each word of a mapping does to a record."""

from datetime import UTC, datetime

import pytest

from consumer.errors import SettingsError
from consumer.record import Ignored, IgnoreReason, Rejected, RejectReason
from consumer.segment.event import EventType, SegmentEvent, event_from
from consumer.segment.mapping.compiling import MappedEvents, compile_mapping
from consumer.segment.mapping.names import Converter, rule_of
from consumer.segment.mapping.reading import load_mapping, parse_mapping
from tests.segment_events import an_identify, personas
from tests.shapes import Written, a_schema

MOMENT_US = 1_768_383_005_117_000


def read(text: str, record: dict[str, object], *audiences: str) -> SegmentEvent:
    """The event, which is the same whether the fields are known before or not."""
    mapping = parse_mapping(text, "shop.toml")
    event = compile_mapping(mapping, audiences=audiences)(record)
    if not mapping.within:
        assert compile_mapping(mapping, audiences=audiences, names=tuple(record))(record) == event
    assert isinstance(event, SegmentEvent), event
    return event


def an_event(**fields: object) -> dict[str, object]:
    return {"type": "identify", **fields}


def test_without_a_mapping_an_event_is_read_as_segment_writes_it() -> None:
    assert compile_mapping(load_mapping("segment-json")) is event_from
    assert compile_mapping(load_mapping("segment-event-v1")) is event_from


def test_fields_have_other_names_and_may_stand_inside_others() -> None:
    event = read(
        "[call]\nmessageId = 'meta.id'\ntype = 'kind'\nevent = 'what'\n[traits]\nfrom = 'user'",
        {"meta": {"id": "m-1"}, "kind": "track", "what": "Left", "user": {"email": "a"}},
    )

    assert event == SegmentEvent("m-1", EventType.TRACK, "Left", traits={"email": "a"})


def test_a_name_with_a_full_stop_stands_in_quotes() -> None:
    event = read("""[call]\nmessageId = '"meta.id".x'""", an_event(**{"meta.id": {"x": "m-1"}}))

    assert event.message_id == "m-1"


def test_the_first_field_that_is_not_null_counts() -> None:
    text = "[call]\nmessageId = ['a', 'b']\n[traits]\nfrom = ['traits', 'context.traits']"

    assert read(text, an_event(a=None, b="m-2")).message_id == "m-2"
    empties: tuple[object, ...] = (None, {}, "", "{}")
    for empty in empties:
        event = read(text, an_event(traits=empty, context={"traits": {"email": "a"}}))
        assert event.traits == {"email": "a"}


def test_a_table_is_one_type_of_call() -> None:
    assert read("[call]\ntype = { constant = 'track' }", {}).type is EventType.TRACK
    assert read("[call]\nevent = { constant = 'Left' }", an_event()).event_name == "Left"


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("seconds", MOMENT_US // 1_000_000 + 0.117),
        ("milliseconds", MOMENT_US // 1000),
        ("microseconds", MOMENT_US),
        pytest.param("microseconds", str(MOMENT_US), id="digits"),
        ("microseconds", "2026-01-14T09:30:05.117Z"),
        ("seconds", datetime(2026, 1, 14, 9, 30, 5, 117_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_its_unit(unit: str, value: object) -> None:
    text = f"[call]\ntimestamp = {{ from = 'ts', unit = '{unit}' }}\nreceivedAt = {{ from = 'ts', unit = '{unit}' }}"

    event = read(text, an_event(ts=value))

    assert (event.timestamp_us, event.received_us) == (MOMENT_US, MOMENT_US)


@pytest.mark.parametrize(
    "value",
    [MOMENT_US // 1000, True, "9" * 5000, 10**400],
    ids=["milliseconds", "boolean", "digits", "huge"],
)
def test_a_time_in_another_unit_is_no_time(value: object) -> None:
    mapping = parse_mapping(
        "[call]\ntimestamp = { from = 'ts', unit = 'microseconds' }", "shop.toml"
    )

    rejected = compile_mapping(mapping)(an_event(ts=value))

    assert isinstance(rejected, Rejected)
    assert rejected.detail.startswith("timestamp is ")


def test_columns_are_members_and_null_means_not_in_this_call() -> None:
    event = read(
        "ignore = ['etl_*']\n[call]\nmessageId = 'id'\n[traits]\ncolumns = ['*']\n[properties]\ncolumns = ['p_*']\n"
        "[context]\nplace = { 'personas.computation_key' = 'ctx_key', 'consent.categoryPreferences' = 'consent_*' }",
        an_event(
            id="m",
            vip=False,
            gold=None,
            etl_run=7,
            p_x=1,
            p_y=None,
            ctx_key="vip",
            consent_ads=True,
        ),
    )

    assert event.traits == {"vip": False}
    assert event.properties == {"x": 1}
    assert event.context == {
        "personas": {"computation_key": "vip"},
        "consent": {"categoryPreferences": {"ads": True}},
    }


def test_columns_add_to_an_object_that_is_there_as_well() -> None:
    text = "[traits]\nfrom = 'traits'\ncolumns = ['t_*']"

    assert read(text, an_event(traits={"a": 1}, t_a=2, t_b=3)).traits == {"a": 1, "b": 3}


def test_what_is_placed_without_a_value_is_not_there() -> None:
    text = "[context]\nplace = { 'personas.computation_key' = 'key', 'consent.categoryPreferences' = 'c_*' }"

    assert read(text, an_event(key=None, c_ads=None)).context == {}


def test_text_inside_an_object_is_json_when_it_begins_so() -> None:
    members = {"a": '{"b": [1]}', "c": "[x", "d": "true", "e": "3", "f": "[1]"}

    event = read("[traits]\nvalues = 'json-text'", an_event(traits=members))

    assert event.traits == {"a": {"b": [1]}, "c": "[x", "d": "true", "e": "3", "f": [1]}


def test_flattened_members_find_their_place() -> None:
    event = read(
        "[context]\nseparator = '.'", an_event(context={"a.b.c": 1, "a.b.d": 2, "a": 3, "e": 4})
    )

    assert event.context == {"a": {"b": {"c": 1, "d": 2}}, "e": 4}


def test_members_are_renamed_unless_their_name_is_taken() -> None:
    text = "[integrations]\nrename = { LiveIntent_Audiences = 'LiveIntent Audiences' }"

    assert read(text, an_event(integrations={"LiveIntent_Audiences": False})).integrations == {
        "LiveIntent Audiences": False
    }
    both = {"LiveIntent_Audiences": False, "LiveIntent Audiences": True}
    assert read(text, an_event(integrations=both)).integrations == both


def test_texts_become_booleans_only_where_and_how_the_policy_says() -> None:
    text = "[booleans]\nfields = ['traits.*', 'context.device.adTrackingEnabled', 'integrations.All']\ntrue = ['yes']\nfalse = ['no', 'false']"
    device = {"adTrackingEnabled": "no", "type": "no"}

    event = read(
        text,
        an_event(
            traits={"a": "yes", "b": "no", "c": "true", "d": True, "e": 1, "f": {"g": "no"}},
            properties={"a": "yes"},
            context={"device": device, "other": "no"},
            integrations={"All": "false", "Kafka": "false"},
        ),
    )

    assert event.traits == {"a": True, "b": False, "c": "true", "d": True, "e": 1, "f": {"g": "no"}}
    assert event.properties == {"a": "yes"}
    assert event.context == {"device": {"adTrackingEnabled": False, "type": "no"}, "other": "no"}
    assert event.integrations == {"All": False, "Kafka": "false"}
    assert device["adTrackingEnabled"] == "no"


def test_a_context_of_texts_has_personas_and_switches() -> None:
    context = {
        "personas": '{"computation_class": "audience", "computation_key": "vip"}',
        "device": '{"adTrackingEnabled": "false"}',
        "personas.space_id": "spa_1",
    }

    event = read(
        "extends = 'map-of-strings'", an_event(context=context, integrations={"All": "false"})
    )

    assert event.context["personas"] == {
        "computation_class": "audience",
        "computation_key": "vip",
        "space_id": "spa_1",
    }
    assert event.context["device"] == {"adTrackingEnabled": False}
    assert event.integrations == {"All": False}


def test_an_alias_gives_an_audience_its_key_back() -> None:
    text = "[audiences]\naliases = { _30_day_active = '30_day_active' }"

    event = read(
        text, an_event(traits={"_30_day_active": True}, properties={"_30_day_active": False})
    )

    assert (event.traits, event.properties) == ({"30_day_active": True}, {"30_day_active": False})


def test_a_listed_audience_is_found_by_the_converters_rule_and_no_other() -> None:
    text = "[audiences]\nconverter = 'debezium'\n[traits]\ncolumns = ['*']"
    record = an_event(_30_day_active=True, _7_day_active=True)

    assert read(text, record, "30_day_active").traits == {
        "30_day_active": True,
        "_7_day_active": True,
    }


@pytest.mark.parametrize(
    "context",
    [{"personas": personas("30-day active")}, '{"personas": {"computation_key": "30-day active"}}'],
)
def test_the_key_that_engage_names_is_found_without_being_listed(context: object) -> None:
    text = "[audiences]\nconverter = 'debezium'"

    event = read(text, an_event(context=context, traits={"_30_day_active": True}))

    assert event.traits == {"30-day active": True}


def test_two_audiences_that_come_under_one_name_are_refused() -> None:
    mapping = parse_mapping("[audiences]\nconverter = 'debezium'", "shop.toml")

    with pytest.raises(ValueError, match="'a b' and 'a-b' both come as 'a_b'"):
        MappedEvents(mapping, audiences=["a b", "a-b"])


def test_an_alias_settles_which_of_two_audiences_comes_under_a_name() -> None:
    text = "[audiences]\nconverter = 'debezium'\naliases = { a_b = 'a-b', a_b_1 = 'a b' }"

    event = read(text, an_event(traits={"a_b": True, "a_b_1": False}), "a b", "a-b")

    assert event.traits == {"a-b": True, "a b": False}


@pytest.mark.parametrize(
    ("converter", "key", "name"),
    [
        (Converter.CONFLUENT, "30_day_active", "x30_day_active"),
        (Converter.CONFLUENT, "a b", "a_b"),
        (Converter.CONFLUENT, "a:b", "a_3Ab"),
        (Converter.DEBEZIUM, "30_day_active", "_30_day_active"),
        (Converter.DEBEZIUM, "a:b-c", "a_b_c"),
        (Converter.SEGMENT_WAREHOUSE, "30_day_active", "_30_day_active"),
        (Converter.SEGMENT_WAREHOUSE, "foo__bar", "foo_bar"),
        (Converter.SEGMENT_WAREHOUSE, "Spend > $100", "spend_100"),
        (Converter.SEGMENT_WAREHOUSE, "advertisingId", "advertising_id"),
    ],
)  # fmt: skip
def test_converters_rename_by_their_rules(converter: Converter, key: str, name: str) -> None:
    rule = rule_of(converter)

    assert rule is not None
    assert rule(key) == name


def test_everything_may_stand_inside_one_field() -> None:
    assert read("within = 'after'", {"op": "c", "after": an_event(messageId="m")}).message_id == "m"


def test_an_envelope_without_its_content_is_rejected() -> None:
    read_event = compile_mapping(parse_mapping("within = 'after'", "shop.toml"))

    assert read_event({"op": "d", "after": None}) == Rejected(
        RejectReason.INVALID_EVENT, "type is missing"
    )


CHANGE_EVENT = "within = 'after'\nenvelope = 'change-event'"


@pytest.mark.parametrize("operation", ["d", "t"])
def test_a_change_event_that_deletes_a_row_is_ignored_as_that(operation: str) -> None:
    read_event = compile_mapping(parse_mapping(CHANGE_EVENT, "shop.toml"))

    ignored = Ignored(IgnoreReason.ROW_DELETED)
    assert read_event({"op": operation, "before": {"id": 1}, "after": None}) == ignored
    assert read_event({"op": operation}) == ignored


@pytest.mark.parametrize("record", [{"op": "u", "after": None}, {"after": None}, {"op": ["d"]}, {}])
def test_a_change_event_that_lacks_its_row_and_deletes_nothing_is_rejected(
    record: dict[str, object],
) -> None:
    read_event = compile_mapping(parse_mapping(CHANGE_EVENT, "shop.toml"))

    assert read_event(record) == Rejected(RejectReason.INVALID_EVENT, "type is missing")


def test_a_change_event_s_operation_is_beside_its_row_however_deep() -> None:
    text = "within = 'data.after'\nenvelope = 'change-event'"
    read_event = compile_mapping(parse_mapping(text, "shop.toml"))

    assert read_event({"data": {"op": "d", "after": None}}) == Ignored(IgnoreReason.ROW_DELETED)
    assert isinstance(read_event({"op": "d", "data": {"after": None}}), Rejected)


def test_a_change_event_with_its_row_is_read() -> None:
    record: dict[str, object] = {"op": "u", "after": an_event(messageId="m")}

    assert read(CHANGE_EVENT, record).message_id == "m"


def test_an_envelope_around_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="must have within"):
        parse_mapping("envelope = 'change-event'", "shop.toml")


def test_what_is_no_object_is_complained_of_by_its_name() -> None:
    read_event = compile_mapping(load_mapping("map-of-strings"))

    assert read_event(an_event(traits=3)) == Rejected(
        RejectReason.INVALID_EVENT, "traits is a number, not an object"
    )
    broken = read_event(an_event(context="{"))
    assert isinstance(broken, Rejected)
    assert broken.detail.startswith("context is text that cannot be read")


def test_a_rudderstack_identify_has_its_traits_in_the_context() -> None:
    event = read(
        "extends = 'rudderstack'", an_event(context={"traits": {"email": "a", "vip": True}})
    )

    assert event.traits == {"email": "a", "vip": True}


def test_reading_changes_nothing_of_the_record() -> None:
    record = an_identify()
    before = repr(record)

    compile_mapping(load_mapping("map-of-strings"))(record)

    assert repr(record) == before


def test_each_writers_schema_is_compiled_once() -> None:
    mapped = MappedEvents(parse_mapping("[traits]\ncolumns = ['*']", "shop.toml"))
    first = Written(a_schema("A", {"type": "string", "vip": "boolean"}), {}).loaded
    second = Written(a_schema("A", {"type": "string", "gold": "boolean"}), {}).loaded

    assert mapped.for_schema(first) is mapped.for_schema(first)
    record = an_event(vip=True, gold=True)
    events = [mapped.for_schema(schema)(record) for schema in (first, second)]
    assert [event.traits for event in events if isinstance(event, SegmentEvent)] == [
        {"vip": True},
        {"gold": True},
    ]
