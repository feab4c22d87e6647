import pytest

from consumer.choices import EventFormat
from consumer.record import Rejected, RejectReason
from consumer.segment.framing import (
    VALUE_SCHEMA_HEADER,
    Fingerprint,
    Framed,
    RegistryGuid,
    RegistryId,
    describe,
    unframe,
)

CONFLUENT = b"\x00\x00\x00\x01\x02body"
SINGLE_OBJECT = b"\xc3\x01\x8f\x5c\x39\x3f\x1a\xd5\x75\x72body"


def test_a_confluent_value_names_its_schema_by_number() -> None:
    assert unframe(EventFormat.AVRO_CONFLUENT, CONFLUENT) == Framed(RegistryId(258), b"body")


def test_a_schema_number_is_never_negative() -> None:
    framed = unframe(EventFormat.AVRO_CONFLUENT, b"\x00\xff\xff\xff\xff")

    assert framed == Framed(RegistryId(2**32 - 1), b"")


def test_a_single_object_names_its_schema_by_fingerprint() -> None:
    expected = Framed(
        Fingerprint(bytes.fromhex("8f5c393f1ad57572")), b"body", EventFormat.AVRO_SINGLE_OBJECT
    )

    assert unframe(EventFormat.AVRO_SINGLE_OBJECT, SINGLE_OBJECT) == expected


def test_json_is_its_own_body() -> None:
    assert unframe(EventFormat.JSON, b" {} ") == Framed(None, b" {} ", EventFormat.JSON)


@pytest.mark.parametrize("length", range(1, 5))
def test_a_confluent_value_cut_short_in_its_prefix_is_undecodable(length: int) -> None:
    assert unframe(EventFormat.AVRO_CONFLUENT, CONFLUENT[:length]) == Rejected(
        RejectReason.UNDECODABLE, f"{length} bytes are too few for avro-confluent's prefix"
    )


@pytest.mark.parametrize("length", range(2, 10))
def test_a_single_object_cut_short_in_its_prefix_is_undecodable(length: int) -> None:
    assert unframe(EventFormat.AVRO_SINGLE_OBJECT, SINGLE_OBJECT[:length]) == Rejected(
        RejectReason.UNDECODABLE, f"{length} bytes are too few for avro-single-object's prefix"
    )


@pytest.mark.parametrize(
    ("event_format", "value", "detail"),
    [
        (
            EventFormat.AVRO_CONFLUENT,
            b'{"type":"track"}',
            "not framed as avro-confluent; it begins as json does",
        ),
        (
            EventFormat.AVRO_CONFLUENT,
            SINGLE_OBJECT,
            "not framed as avro-confluent; it begins as avro-single-object does",
        ),
        (
            EventFormat.AVRO_SINGLE_OBJECT,
            CONFLUENT,
            "not framed as avro-single-object; it begins as avro-confluent does",
        ),
        (EventFormat.AVRO_SINGLE_OBJECT, b"\xc3\x02", "not framed as avro-single-object"),
        (EventFormat.AVRO_CONFLUENT, b"secret@example.com", "not framed as avro-confluent"),
    ],
)
def test_another_framing_is_undecodable_and_the_likely_one_is_named(
    event_format: EventFormat, value: bytes, detail: str
) -> None:
    assert unframe(event_format, value) == Rejected(RejectReason.UNDECODABLE, detail)


def test_a_framed_value_does_not_print_its_body() -> None:
    assert "body=" not in repr(unframe(EventFormat.JSON, b"nora@example.com"))


def test_a_schema_is_described_for_people() -> None:
    assert describe(RegistryId(17)) == "schema 17"
    assert describe(Fingerprint(b"\x8f\x5c")) == "schema with fingerprint 8f5c"


GUID = bytes(range(16))


def test_a_guid_before_the_body_names_the_schema() -> None:
    framed = unframe(EventFormat.AVRO_CONFLUENT, b"\x01" + GUID + b"body")

    assert framed == Framed(RegistryGuid(GUID), b"body")
    assert describe(RegistryGuid(GUID)) == "schema 00010203-0405-0607-0809-0a0b0c0d0e0f"


@pytest.mark.parametrize("length", range(1, 17))
def test_a_guid_that_is_cut_short_is_undecodable(length: int) -> None:
    assert unframe(EventFormat.AVRO_CONFLUENT, (b"\x01" + GUID)[:length]) == Rejected(
        RejectReason.UNDECODABLE, f"{length} bytes are too few for avro-confluent's prefix"
    )


@pytest.mark.parametrize("event_format", [EventFormat.AVRO_CONFLUENT, EventFormat.DETECT])
@pytest.mark.parametrize(
    ("header", "ref"),
    [(b"\x01" + GUID, RegistryGuid(GUID)), (b"\x00\x00\x00\x01\x02", RegistryId(258))],
)
def test_the_header_is_looked_at_before_the_value(
    event_format: EventFormat, header: bytes, ref: RegistryGuid | RegistryId
) -> None:
    headers = (("other", b"x"), (VALUE_SCHEMA_HEADER, header), (VALUE_SCHEMA_HEADER, header))

    assert unframe(event_format, CONFLUENT, headers) == Framed(ref, CONFLUENT)


@pytest.mark.parametrize("header", [b"", b"\x00\x00\x00\x01", b"\x01" + GUID[:15], b"\x02" + GUID])
def test_a_header_that_names_nothing_is_undecodable_rather_than_passed_over(header: bytes) -> None:
    rejected = unframe(EventFormat.AVRO_CONFLUENT, CONFLUENT, ((VALUE_SCHEMA_HEADER, header),))

    assert rejected == Rejected(
        RejectReason.UNDECODABLE, "the header __value_schema_id holds neither an id nor a GUID"
    )


def test_headers_that_contradict_each_other_are_undecodable() -> None:
    headers = (
        (VALUE_SCHEMA_HEADER, b"\x01" + GUID),
        (VALUE_SCHEMA_HEADER, b"\x00\x00\x00\x00\x01"),
    )

    assert unframe(EventFormat.AVRO_CONFLUENT, CONFLUENT, headers) == Rejected(
        RejectReason.UNDECODABLE, "several headers __value_schema_id name different schemas"
    )


def test_a_header_without_a_value_names_nothing_and_the_prefix_does() -> None:
    headers = ((VALUE_SCHEMA_HEADER, None),)

    assert unframe(EventFormat.AVRO_CONFLUENT, CONFLUENT, headers) == Framed(
        RegistryId(258), b"body"
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (CONFLUENT, EventFormat.AVRO_CONFLUENT),
        (b"\x01" + GUID, EventFormat.AVRO_CONFLUENT),
        (SINGLE_OBJECT, EventFormat.AVRO_SINGLE_OBJECT),
        (b"Obj\x01", EventFormat.AVRO_CONTAINER),
        (b"{}", EventFormat.JSON),
        (b"\xef\xbb\xbf \n{}", EventFormat.JSON),
    ],
)
def test_what_a_value_begins_with_says_what_it_is(value: bytes, kind: EventFormat) -> None:
    assert unframe(EventFormat.DETECT, value) == unframe(kind, value)
    assert isinstance(unframe(kind, value), Framed)


@pytest.mark.parametrize("value", [b"[{}]", b"Obj\x02", b"\xc3\x02", b"\x02identify", b'"{}"'])
def test_anything_else_is_none_of_the_kinds_told_apart(value: bytes) -> None:
    assert unframe(EventFormat.DETECT, value) == Rejected(
        RejectReason.UNDECODABLE, "it begins as none of the formats told apart"
    )
