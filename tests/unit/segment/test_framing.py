import pytest

from consumer.choices import EventFormat
from consumer.record import Rejected, RejectReason
from consumer.segment.framing import Fingerprint, Framed, RegistryId, describe, unframe

CONFLUENT = b"\x00\x00\x00\x01\x02body"
SINGLE_OBJECT = b"\xc3\x01\x8f\x5c\x39\x3f\x1a\xd5\x75\x72body"


def test_a_confluent_value_names_its_schema_by_number() -> None:
    assert unframe(EventFormat.AVRO_CONFLUENT, CONFLUENT) == Framed(RegistryId(258), b"body")


def test_a_schema_number_is_never_negative() -> None:
    framed = unframe(EventFormat.AVRO_CONFLUENT, b"\x00\xff\xff\xff\xff")

    assert framed == Framed(RegistryId(2**32 - 1), b"")


def test_a_single_object_names_its_schema_by_fingerprint() -> None:
    expected = Framed(Fingerprint(bytes.fromhex("8f5c393f1ad57572")), b"body")

    assert unframe(EventFormat.AVRO_SINGLE_OBJECT, SINGLE_OBJECT) == expected


def test_json_is_its_own_body() -> None:
    assert unframe(EventFormat.JSON, b" {} ") == Framed(None, b" {} ")


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
