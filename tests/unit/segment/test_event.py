import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest

from consumer.record import Rejected, RejectReason
from consumer.segment.event import EventType, SegmentEvent, event_from

MAPPINGS = ("traits", "properties", "context", "integrations")
WHOLE = {
    "messageId": "m-1",
    "type": "track",
    "userId": "reader-1",
    "event": "Audience Entered",
    "traits": {"email": "nora@example.com"},
    "properties": {"weekend_readers": True},
    "context": {"personas": {"computation_class": "audience"}},
    "integrations": {"All": False},
    "timestamp": "2026-01-14T09:30:05.117Z",
    "receivedAt": "2026-01-14T09:30:17.517Z",
}


def an_event(**fields: object) -> SegmentEvent:
    event = event_from({"type": "identify"} | fields)
    assert isinstance(event, SegmentEvent)
    return event


def why_invalid(**fields: object) -> str:
    rejected = event_from({"type": "identify"} | fields)
    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.INVALID_EVENT
    return rejected.detail


def test_an_event_holds_what_the_rules_need() -> None:
    assert event_from(WHOLE) == SegmentEvent(
        message_id="m-1",
        type=EventType.TRACK,
        event_name="Audience Entered",
        traits={"email": "nora@example.com"},
        properties={"weekend_readers": True},
        context={"personas": {"computation_class": "audience"}},
        integrations={"All": False},
        timestamp_us=1_768_383_005_117_000,
        received_us=1_768_383_017_517_000,
    )


def test_an_event_of_nothing_but_a_type_is_an_event() -> None:
    assert event_from({"type": "page"}) == SegmentEvent("", EventType.PAGE, None)


@pytest.mark.parametrize(
    "name", ["identify", "track", "page", "screen", "group", "alias", "delete"]
)
def test_every_call_of_segment_is_known(name: str) -> None:
    assert an_event(type=name).type == name


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, "type is missing"),
        (7, "type is a number, not text"),
        (True, "type is a boolean, not text"),
        ([], "type is an array, not text"),
        ({}, "type is an object, not text"),
        ("Track", "type is none of identify, track, page, screen, group, alias, delete"),
        ("", "type is none of identify, track, page, screen, group, alias, delete"),
    ],
)
def test_a_type_that_is_not_segments_is_invalid(value: object, detail: str) -> None:
    assert why_invalid(type=value) == detail


def test_an_event_without_a_type_is_invalid() -> None:
    assert event_from({}) == Rejected(RejectReason.INVALID_EVENT, "type is missing")


@pytest.mark.parametrize("value", [None, 5, ["m-1"], True])
def test_a_message_id_that_is_not_text_is_no_message_id(value: object) -> None:
    assert an_event(messageId=value).message_id == ""


@pytest.mark.parametrize("value", [None, 5, {}])
def test_an_event_name_that_is_not_text_is_no_name(value: object) -> None:
    assert an_event(event=value).event_name is None


@pytest.mark.parametrize("name", MAPPINGS)
@pytest.mark.parametrize(
    "value",
    [
        {"key": [1, {"deep": None}]},
        MappingProxyType({"key": [1, {"deep": None}]}),
        json.dumps({"key": [1, {"deep": None}]}),
    ],
)
def test_a_mapping_comes_as_it_is_or_as_json_text(
    name: str, value: str | Mapping[str, object]
) -> None:
    assert getattr(an_event(**{name: value}), name) == {"key": [1, {"deep": None}]}


@pytest.mark.parametrize("name", MAPPINGS)
@pytest.mark.parametrize("value", [None, [], "null", "[]", "{}", {}])
def test_null_and_an_empty_array_stand_for_an_empty_mapping(name: str, value: object) -> None:
    assert getattr(an_event(**{name: value}), name) == {}


@pytest.mark.parametrize("name", MAPPINGS)
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (["nora@example.com"], "an array, not an object"),
        ('["nora@example.com"]', "an array, not an object"),
        (5, "a number, not an object"),
        ("5.5", "a number, not an object"),
        (False, "a boolean, not an object"),
        ('"nora@example.com"', "text, not an object"),
        ("nora@example.com", "text that cannot be read: not JSON at character 0"),
        ("", "text that cannot be read: not JSON at character 0"),
        ('{"a": NaN}', "text that cannot be read: NaN is not a number in JSON"),
        (b"{}", "a value of type bytes, not an object"),
        (Decimal(1), "a value of type Decimal, not an object"),
    ],
)
def test_anything_else_is_invalid_and_not_quoted(name: str, value: object, found: str) -> None:
    assert why_invalid(**{name: value}) == f"{name} is {found}"


def test_times_may_come_as_datetimes() -> None:
    event = an_event(timestamp=datetime(2026, 1, 14, tzinfo=UTC), receivedAt=1_768_348_800_000)

    assert event.timestamp_us == event.received_us == 1_768_348_800_000_000


def test_a_time_in_the_future_is_left_as_it_is() -> None:
    assert an_event(timestamp="2031-05-01T00:00:00Z").timestamp_us == 1_935_360_000_000_000


@pytest.mark.parametrize("name", ["timestamp", "receivedAt"])
def test_an_unreadable_time_is_invalid(name: str) -> None:
    assert why_invalid(**{name: "soon"}) == f"{name} is text that is not a time"
    assert why_invalid(**{name: True}) == f"{name} is a value of type bool"


def test_an_event_prints_nothing_personal() -> None:
    printed = repr(event_from(WHOLE))

    assert "m-1" in printed
    for name in MAPPINGS:
        assert name not in printed
    assert "nora" not in printed
