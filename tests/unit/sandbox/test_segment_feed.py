import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import orjson
import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox import segment_encoders as encoders
from consumer.sandbox.segment_feed import (
    AUDIENCES,
    NOT_AN_EVENT,
    Disorder,
    FeedOptions,
    segment_feed,
)
from consumer.sandbox.segment_intents import ChangeIntent, FeedItem, Move, NoiseIntent
from consumer.sandbox.segment_people import AAID, EMAIL_HASH, IDFA

SMALL = FeedOptions(events=3_000, people=150)
IN_ORDER = FeedOptions(events=3_000, people=150, disorder=Disorder.NONE)


def feed(options: FeedOptions = SMALL) -> list[FeedItem]:
    return list(segment_feed(options))


def changes(items: list[FeedItem]) -> list[tuple[dict[str, Any], ChangeIntent]]:
    return [
        (item.value, item.intent)
        for item in items
        if isinstance(item.value, dict) and isinstance(item.intent, ChangeIntent)
    ]


def written_ms(event: dict[str, Any], name: str = "timestamp") -> int:
    return round(datetime.fromisoformat(event[name]).timestamp() * 1000)


def test_the_same_options_give_the_same_feed() -> None:
    assert feed() == feed()


def test_another_seed_gives_another_feed() -> None:
    assert feed() != feed(FeedOptions(seed=2, events=3_000, people=150))


@settings(max_examples=30)
@given(
    events=st.integers(0, 300),
    undecodable=st.integers(0, 5),
    disorder=st.sampled_from(Disorder),
    seed=st.integers(0, 1_000),
)
def test_it_gives_as_many_records_as_asked_for(
    events: int, undecodable: int, disorder: Disorder, seed: int
) -> None:
    items = feed(
        FeedOptions(seed=seed, events=events, people=20, undecodable=undecodable, disorder=disorder)
    )

    assert len(items) == events
    assert sum(item.value == NOT_AN_EVENT for item in items) == min(undecodable, events)


def test_every_audience_is_entered_and_left() -> None:
    seen = defaultdict(set)
    for _, intent in changes(feed()):
        seen[intent.audience].add(intent.move)

    assert dict(seen) == {audience: set(Move) for audience in AUDIENCES}


def test_both_forms_carry_the_boolean_under_the_audiences_key() -> None:
    forms: Counter[str] = Counter()
    for event, intent in changes(feed()):
        where = event["traits"] if event["type"] == "identify" else event["properties"]
        assert where[intent.audience] is (intent.move is not Move.EXIT)
        assert event["context"]["personas"]["computation_key"] == intent.audience
        forms[event["type"]] += 1

    assert set(forms) == {"identify", "track"}


def test_the_key_is_the_user_id_or_else_the_anonymous_id() -> None:
    for item in feed():
        if isinstance(item.value, dict):
            known = item.value.get("userId") or item.value.get("anonymousId")
            assert known == item.key.decode()


def test_noise_of_every_reason_is_there() -> None:
    reasons = {item.intent.reason for item in feed() if isinstance(item.intent, NoiseIntent)}

    assert reasons == {
        IgnoreReason.UNSUPPORTED_TYPE,
        IgnoreReason.GROUP_LEVEL,
        IgnoreReason.NOT_AN_AUDIENCE,
        IgnoreReason.AUDIENCE_NOT_CONFIGURED,
        IgnoreReason.NO_MEMBERSHIP,
        IgnoreReason.BAD_MEMBERSHIP,
        IgnoreReason.NOT_ADDRESSED,
        IgnoreReason.OPTED_OUT,
        IgnoreReason.NO_IDENTIFIER,
    }


def test_without_unserved_audiences_only_the_given_ones_are_named() -> None:
    items = feed(FeedOptions(events=3_000, people=150, unserved_audiences=()))

    classes = {"audience", "journey_step"}
    named = {
        personas["computation_key"]
        for item in items
        if isinstance(item.value, dict) and isinstance(item.value["context"], dict)
        if (personas := item.value["context"].get("personas", {})).get("computation_class")
        in classes
    }
    assert named == set(AUDIENCES)


def test_without_a_consent_category_nobody_refuses() -> None:
    items = feed(FeedOptions(events=3_000, people=150, consent_category=None))

    assert {intent.move for _, intent in changes(items)} == {Move.ENTER, Move.EXIT}


def test_consent_is_refused_by_a_false_and_by_empty_preferences() -> None:
    refusals = [
        event["context"]["consent"]["categoryPreferences"]
        for event, intent in changes(feed())
        if intent.move is Move.REFUSED_ENTER
    ]

    assert {preferences.get("Advertising") for preferences in refusals} == {False, None}


def test_people_are_reached_by_emails_hashes_and_phones() -> None:
    kinds = set()
    for _, intent in changes(feed()):
        kinds.add(frozenset((kind, len(rows)) for kind, rows in intent.contact.members.items()))

    assert kinds >= {
        frozenset({(EMAIL_HASH, 3)}),
        frozenset({(EMAIL_HASH, 1)}),
        frozenset({(IDFA, 1)}),
        frozenset({(AAID, 1)}),
        frozenset({(EMAIL_HASH, 3), (IDFA, 1)}),
    }


def test_no_identifier_belongs_to_two_people() -> None:
    owners = defaultdict(set)
    for _, intent in changes(feed()):
        for rows in intent.contact.members.values():
            for row in rows:
                owners[row].add(intent.contact.user_id)

    assert all(len(user_ids) == 1 for user_ids in owners.values())


def test_every_address_is_invented() -> None:
    text = b"".join(orjson.dumps(item.value) for item in feed() if isinstance(item.value, dict))

    domains = set(re.findall(rb"@([\w.]+)", text.lower()))

    assert domains == {b"example.com", b"mail.example.com"}


def test_duplicates_repeat_the_message_and_are_received_later() -> None:
    first_received: dict[str, int] = {}
    repeated = 0
    for event, intent in changes(feed()):
        if intent.message_id in first_received:
            repeated += 1
            assert written_ms(event, "receivedAt") > first_received[intent.message_id]
        else:
            first_received[intent.message_id] = written_ms(event, "receivedAt")

    assert repeated > 50


def test_a_duplicate_changes_nothing_but_the_time_of_receipt() -> None:
    originals: dict[str, dict[str, Any]] = {}
    for event, intent in changes(feed()):
        original = originals.setdefault(intent.message_id, event)
        assert {**original, "receivedAt": ""} == {**event, "receivedAt": ""}


def test_segments_disorder_lets_older_changes_arrive_after_newer_ones() -> None:
    newest: dict[tuple[str, bytes], int] = {}
    late = 0
    for item in feed():
        if isinstance(item.intent, ChangeIntent):
            key = (item.intent.audience, item.key)
            late += item.intent.as_of_ms < newest.get(key, 0)
            newest[key] = max(newest.get(key, 0), item.intent.as_of_ms)

    assert late > 100


def test_without_disorder_every_key_is_in_order_and_duplicates_follow_their_original() -> None:
    newest: dict[tuple[str, str], int] = {}
    last_id = ""
    seen = set()
    duplicates = 0
    for _, intent in changes(feed(IN_ORDER)):
        member = (intent.audience, intent.contact.user_id)
        assert intent.as_of_ms >= newest.get(member, 0)
        newest[member] = intent.as_of_ms
        if intent.message_id in seen:
            assert intent.message_id == last_id
            duplicates += 1
        seen.add(intent.message_id)
        last_id = intent.message_id

    assert duplicates > 50


def test_two_different_changes_of_a_member_are_never_equally_old() -> None:
    moves: dict[tuple[str, str, int], set[Move]] = defaultdict(set)
    for _, intent in changes(feed()):
        moves[intent.audience, intent.contact.user_id, intent.as_of_ms].add(intent.move)

    assert all(len(at_once) == 1 for at_once in moves.values())


def test_a_clock_years_ahead_counts_from_five_minutes_after_receipt() -> None:
    ahead = [
        (event, intent)
        for event, intent in changes(feed(FeedOptions(events=10_000, people=500)))
        if written_ms(event) > intent.received_ms
    ]

    assert len(ahead) > 5
    for event, intent in ahead:
        assert written_ms(event) > intent.received_ms + 365 * 86_400_000
        assert intent.as_of_ms == intent.received_ms + 300_000


def test_undecodable_records_are_meant_for_the_dead_letters() -> None:
    unusable = [item for item in feed() if item.value == NOT_AN_EVENT]

    assert [item.intent.reason for item in unusable] == [RejectReason.UNDECODABLE]  # type: ignore[union-attr]


def test_the_avro_body_reads_back_as_the_event() -> None:
    schema = parse_schema(encoders.segment_event_schema())
    for item in feed(FeedOptions(events=300, people=30, undecodable=0)):
        assert isinstance(item.value, dict)
        body = io.BytesIO(encoders.as_avro_bare(item.value))
        read: Any = schemaless_reader(body, schema, None)

        assert body.read() == b""
        assert orjson.loads(read["context"]) == item.value["context"]
        assert orjson.loads(read["integrations"]) == item.value["integrations"]
        assert read.get("version") == item.value.get("version")
        assert (read["messageId"], read["userId"], read["receivedAt"]) == (
            item.value["messageId"],
            item.value.get("userId"),
            item.value["receivedAt"],
        )


def test_confluents_framing_is_a_zero_and_the_id_in_four_bytes() -> None:
    event = {"type": "track"}

    assert encoders.as_avro_confluent(
        event, 258
    ) == b"\x00\x00\x00\x01\x02" + encoders.as_avro_bare(event)


def test_the_single_object_header_holds_the_fingerprint_of_the_canonical_form() -> None:
    event = {"type": "track"}

    encoded = encoders.as_avro_single_object(event)

    assert encoded[:2] == b"\xc3\x01"
    assert encoded[10:] == encoders.as_avro_bare(event)
    assert encoded[2:10] == crc_64_avro(canonical_segment_event()).to_bytes(8, "little")


def test_json_is_the_event_as_it_is() -> None:
    event = {"type": "track", "properties": {"a": [1, None]}}

    assert orjson.loads(encoders.as_json(event)) == event


@pytest.mark.parametrize(
    "encode",
    [
        encoders.as_json,
        encoders.as_avro_bare,
        encoders.as_avro_single_object,
        partial(encoders.as_avro_confluent, schema_id=1),
    ],
    ids=["json", "bare", "single object", "confluent"],
)
def test_bytes_that_are_no_event_stay_as_they_are(encode: Callable[[bytes], bytes]) -> None:
    assert encode(NOT_AN_EVENT) == NOT_AN_EVENT


def canonical_segment_event() -> bytes:
    """Avro's Parsing Canonical Form, written out for this one schema."""
    schema = encoders.segment_event_schema()
    fields = ",".join(
        f'{{"name":"{field["name"]}","type":{canonical_type(field["type"])}}}'
        for field in schema["fields"]
    )
    return f'{{"name":"segment_liveintent.v1.SegmentEvent","type":"record","fields":[{fields}]}}'.encode()


def canonical_type(kind: object) -> str:
    if isinstance(kind, dict):
        return '{"type":"map","values":"string"}'
    return orjson.dumps(kind).decode()


def crc_64_avro(data: bytes) -> int:
    """The specification's own algorithm."""
    empty = 0xC15D213AA4D7A795
    table = []
    for i in range(256):
        value = i
        for _ in range(8):
            value = (value >> 1) ^ (empty & -(value & 1))
        table.append(value)
    result = empty
    for byte in data:
        result = (result >> 8) ^ table[(result ^ byte) & 0xFF]
    return result
