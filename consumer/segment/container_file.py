"""Avro's object container files: the schema in the file's head, and the blocks of records after it. Pure.

Read here rather than by fastavro's own reader, which believes what a file says of its sizes and of its sync marker's
place, and reads the file's schema without asking whether it is safe.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import cast

from fastavro import parse_schema, schemaless_reader

MAGIC = b"Obj\x01"
SYNC_BYTES = 16

_METADATA = parse_schema({"type": "map", "values": "bytes"})
_LONG = parse_schema("long")
_RAW_DEFLATE = -zlib.MAX_WBITS


class BadContainer(ValueError):
    """The bytes are not a container file that can be used. `problem` says why, and quotes nothing of them."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class LargeContainer(ValueError):
    """The file holds more than may be read of it. `problem` says of what."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Block:
    """A run of records, each after the other, unpacked."""

    count: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ContainerFile:
    """A whole file. That its blocks hold records of its schema is for their reader to find out."""

    schema_text: str = field(repr=False)
    blocks: tuple[Block, ...]

    @property
    def count(self) -> int:
        """How many records it says it holds."""
        return sum(block.count for block in self.blocks)


def read_container(file: bytes, *, max_content_bytes: int, max_records: int) -> ContainerFile:
    """Take the file apart (source: the Avro specification).

    Takes the codecs null and deflate. Every byte must belong to the head or to a block, and every block must end with
    the file's sync marker. Raises `BadContainer`, or `LargeContainer` as soon as the blocks hold more than
    `max_content_bytes` unpacked, or more than `max_records`, whatever the file says of itself.
    """
    stream = BytesIO(file)
    if stream.read(len(MAGIC)) != MAGIC:
        raise BadContainer("not a container file")
    metadata = _metadata(stream)
    schema_text = _text(metadata, "avro.schema")
    codec = metadata.get("avro.codec", b"") or b"null"
    if codec not in (b"null", b"deflate"):
        raise BadContainer("packed with a codec other than null and deflate")
    sync = stream.read(SYNC_BYTES)
    if len(sync) != SYNC_BYTES:
        raise BadContainer("cut short in its head")
    blocks = []
    for count, packed in _packed_blocks(stream, sync, len(file)):
        max_records -= count
        if max_records < 0:
            raise LargeContainer("more events than are taken in one value")
        content = packed if codec == b"null" else _inflated(packed, max_content_bytes)
        max_content_bytes -= len(content)
        if max_content_bytes < 0:
            raise _TOO_MUCH
        blocks.append(Block(count, content))
    return ContainerFile(schema_text, tuple(blocks))


_TOO_MUCH = LargeContainer("more bytes than are taken in one value, once unpacked")


def _metadata(stream: BytesIO) -> Mapping[str, bytes]:
    try:
        metadata = schemaless_reader(stream, _METADATA, None)
    except Exception as error:  # noqa: BLE001 - damaged bytes raise nearly anything
        problem = f"{type(error).__name__} while reading its head"
        raise BadContainer(problem) from None
    return cast("Mapping[str, bytes]", metadata)


def _text(metadata: Mapping[str, bytes], name: str) -> str:
    try:
        return metadata[name].decode("utf-8")
    except KeyError:
        raise BadContainer("no schema in its head") from None
    except UnicodeDecodeError:
        raise BadContainer("the schema in its head is not UTF-8") from None


def _packed_blocks(stream: BytesIO, sync: bytes, end: int) -> Iterator[tuple[int, bytes]]:
    while stream.tell() < end:
        count, size_bytes = _long(stream), _long(stream)
        if count < 0 or size_bytes < 0:
            raise BadContainer("a block of less than nothing")
        if size_bytes > end - stream.tell():
            raise BadContainer("cut short in a block")
        packed = stream.read(size_bytes)
        if stream.read(SYNC_BYTES) != sync:
            raise BadContainer("a block does not end with the file's sync marker")
        yield count, packed


def _long(stream: BytesIO) -> int:
    try:
        return cast("int", schemaless_reader(stream, _LONG, None))
    except Exception:  # noqa: BLE001 - as above
        raise BadContainer("cut short in a block") from None


def _inflated(packed: bytes, most_bytes: int) -> bytes:
    """The block, which must be one whole deflate stream.

    Avro's and fastavro's writers for Python leave the first bytes of zlib's checksum behind it; nothing else may stand there.
    """
    unpacking = zlib.decompressobj(_RAW_DEFLATE)
    try:
        # One more than allowed, so that what does not fit is told from what just fits. (0 would mean no bound.)
        content = unpacking.decompress(packed, most_bytes + 1)
    except zlib.error:
        raise BadContainer("a block cannot be unpacked") from None
    if len(content) > most_bytes:
        raise _TOO_MUCH
    checksum = zlib.adler32(content).to_bytes(4, "big")
    if not unpacking.eof or not checksum.startswith(unpacking.unused_data):
        raise BadContainer("a block cannot be unpacked")
    return content
