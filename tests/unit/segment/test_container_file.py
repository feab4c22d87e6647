import io
import zlib
from typing import Any

import fastavro
import pytest

from consumer.choices import EventFormat
from consumer.record import Ignored, IgnoreReason, Rejected, RejectReason
from consumer.sandbox.segment_encoders import as_avro_container
from consumer.segment.container_file import (
    BadContainer,
    Block,
    LargeContainer,
    read_container,
)
from consumer.segment.embedded_schemas import SCHEMAS_REMEMBERED, EmbeddedSchemas
from consumer.segment.event import SegmentEvent
from consumer.segment.event_decoder import MAX_EVENTS, Decoded, EventDecoder, SchemaNeeded
from consumer.segment.schemas import LoadedSchema, RefusedSchema
from tests.builders import a_record
from tests.segment_events import an_identify

SYNC = b"sixteen bytes..."
SCHEMA = b'{"type": "record", "name": "R", "fields": [{"name": "type", "type": "string"}]}'


def a_long(number: int) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    return out.getvalue()


def a_block(count: int, content: bytes, *, size: int | None = None, sync: bytes = SYNC) -> bytes:
    return a_long(count) + a_long(len(content) if size is None else size) + content + sync


def a_file(*blocks: bytes, schema: bytes = SCHEMA, codec: bytes | None = None) -> bytes:
    head = io.BytesIO()
    metadata: dict[str, Any] = {"avro.schema": schema}
    if codec is not None:
        metadata["avro.codec"] = codec
    fastavro.schemaless_writer(head, {"type": "map", "values": "bytes"}, metadata)
    return b"Obj\x01" + head.getvalue() + SYNC + b"".join(blocks)


def blocks_of(file: bytes, *, most_bytes: int = 1000, most: int = 100) -> tuple[Block, ...]:
    return read_container(file, max_content_bytes=most_bytes, max_records=most).blocks


def deflated(content: bytes) -> bytes:
    return zlib.compress(content)[2:-4]


ALIAS = b"\x0aalias"


def test_blocks_come_in_their_order_and_unpacked() -> None:
    plain = a_file(a_block(1, ALIAS), a_block(2, ALIAS + ALIAS))
    packed = a_file(
        a_block(1, deflated(ALIAS)), a_block(2, deflated(ALIAS + ALIAS)), codec=b"deflate"
    )

    assert blocks_of(plain) == blocks_of(packed) == (Block(1, ALIAS), Block(2, ALIAS + ALIAS))


def test_what_pythons_writers_leave_of_zlibs_checksum_is_passed_over() -> None:
    left = zlib.compress(ALIAS)[2:-1]

    assert blocks_of(a_file(a_block(1, left), codec=b"deflate")) == (Block(1, ALIAS),)


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (b"Obj", "not a container file"),
        (b"Obj\x01\x02", "EOFError while reading its head"),
        (a_file()[:-1], "cut short in its head"),
        (a_file(schema=b"\xff"), "the schema in its head is not UTF-8"),
        (a_file(codec=b"snappy"), "packed with a codec other than null and deflate"),
        (a_file(b"\x02"), "cut short in a block"),
        (a_file(a_block(1, ALIAS, size=100)), "cut short in a block"),
        (a_file(a_block(1, ALIAS)[:-1]), "a block does not end with the file's sync marker"),
        (
            a_file(a_block(1, ALIAS, sync=b"another" + SYNC[7:])),
            "a block does not end with the file's sync marker",
        ),
        (a_file(a_block(-1, ALIAS)), "a block of less than nothing"),
        (a_file(a_block(1, ALIAS, size=-6)), "a block of less than nothing"),
        (a_file(a_block(1, ALIAS), codec=b"deflate"), "a block cannot be unpacked"),
        (
            a_file(a_block(1, deflated(ALIAS)[:-1]), codec=b"deflate"),
            "a block cannot be unpacked",
        ),
        (
            a_file(a_block(1, deflated(ALIAS) + b"more"), codec=b"deflate"),
            "a block cannot be unpacked",
        ),
        (a_file(a_block(1, ALIAS)) + b"\x00", "cut short in a block"),
    ],
)
def test_a_damaged_file_is_refused_whole(file: bytes, problem: str) -> None:
    with pytest.raises(BadContainer) as caught:
        blocks_of(file)

    assert caught.value.problem == problem


def test_a_file_is_not_unpacked_beyond_the_limit() -> None:
    file = a_file(
        a_block(1, deflated(bytes(501))), a_block(1, deflated(bytes(500))), codec=b"deflate"
    )

    assert len(blocks_of(file, most_bytes=1001)) == 2
    with pytest.raises(LargeContainer):
        blocks_of(file, most_bytes=1000)


def test_a_small_file_that_unpacks_to_very_much_is_left_packed() -> None:
    file = a_file(a_block(1, deflated(bytes(50_000_000))), codec=b"deflate")

    assert len(file) < 100_000
    with pytest.raises(LargeContainer):
        blocks_of(file, most_bytes=10_000)


def test_a_file_must_not_hold_more_records_than_are_taken() -> None:
    assert len(blocks_of(a_file(a_block(99, b""), a_block(1, b"")))) == 2
    with pytest.raises(LargeContainer):
        blocks_of(a_file(a_block(99, b""), a_block(2, b"")))
    with pytest.raises(LargeContainer):
        blocks_of(a_file(a_block(2**62, b"")))


def decoded(file: bytes) -> tuple[Decoded, ...]:
    events = EventDecoder(event_format=EventFormat.AVRO_CONTAINER).decode(a_record(value=file))
    assert not isinstance(events, SchemaNeeded)
    return events


def test_every_event_of_a_file_comes_in_its_order() -> None:
    events = decoded(as_avro_container([an_identify(messageId=str(i)) for i in range(5)]))

    assert [event.message_id for event in events if isinstance(event, SegmentEvent)] == list(
        "01234"
    )


def test_a_file_without_events_is_a_tombstone() -> None:
    assert decoded(as_avro_container([])) == (Ignored(IgnoreReason.TOMBSTONE),)


def test_an_event_that_makes_no_sense_leaves_the_others() -> None:
    first, second, third = decoded(a_file(a_block(3, ALIAS + b"\x02x" + ALIAS)))

    assert isinstance(first, SegmentEvent)
    assert isinstance(second, Rejected)
    assert second.reason is RejectReason.INVALID_EVENT
    assert first == third


@pytest.mark.parametrize(
    ("block", "detail"),
    [
        (a_block(2, ALIAS), "EOFError while reading R"),
        (a_block(1, ALIAS + ALIAS), "6 bytes are left after R"),
    ],
)
def test_a_block_that_does_not_hold_what_it_says_costs_the_whole_file(
    block: bytes, detail: str
) -> None:
    assert decoded(a_file(a_block(1, ALIAS), block)) == (
        Rejected(RejectReason.UNDECODABLE, detail),
    )


def test_more_events_than_are_taken_are_too_large() -> None:
    (rejected,) = decoded(a_file(a_block(MAX_EVENTS + 1, b"\x00" * (MAX_EVENTS + 1))))

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.TOO_LARGE


def test_the_schema_in_a_file_is_checked_like_every_other() -> None:
    recursive = b'{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}'

    (rejected,) = decoded(a_file(schema=recursive))

    assert rejected == Rejected(RejectReason.REFUSED_SCHEMA, "the type R contains itself")


def test_records_that_take_next_to_no_bytes_are_refused_in_a_file() -> None:
    nulls = ",".join(f'{{"name": "n{i}", "type": "null"}}' for i in range(1000))
    schema = f'{{"type":"record","name":"R","fields":[{nulls}]}}'.encode()

    (rejected,) = decoded(a_file(a_block(MAX_EVENTS, b""), schema=schema))

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.REFUSED_SCHEMA


def test_a_schema_is_parsed_once_and_forgotten_when_many_others_came() -> None:
    schemas, text = EmbeddedSchemas(), SCHEMA.decode()
    first = schemas.of(text)
    for number in range(SCHEMAS_REMEMBERED - 1):
        assert isinstance(schemas.of(text.replace('"R"', f'"R{number}"')), LoadedSchema)

    assert schemas.of(text) is first
    for number in range(SCHEMAS_REMEMBERED):
        schemas.of(f"no schema {number}")
    assert schemas.of(text) is not first
    assert isinstance(schemas.of("no schema"), RefusedSchema)
