"""What a value must keep to before it is decoded: its size, and the schema it was written with."""

from dataclasses import dataclass

from consumer.record import Rejected, RejectReason
from consumer.segment.decoding_cost import MAX_BYTES_BESIDE, USUAL_BYTES_PER_BYTE
from consumer.segment.schemas import LoadedSchema


@dataclass(frozen=True, slots=True)
class ValueLimits:
    """What is decoded, whoever wrote it."""

    max_bytes: int = 1_000_000
    """The most bytes of a value, and of what is in a container file once it is unpacked."""
    record_names: frozenset[str] = frozenset()
    """Full names of the Avro records that are taken; empty: all."""

    @property
    def most_memory_bytes(self) -> int:
        """The most memory that decoding one value may take, in bytes."""
        return USUAL_BYTES_PER_BYTE * self.max_bytes + MAX_BYTES_BESIDE

    def refusal_of_size(self, value: bytes) -> Rejected | None:
        """Why the value is not looked at; None when it may be."""
        if len(value) <= self.max_bytes:
            return None
        return Rejected(
            RejectReason.TOO_LARGE, f"a value of {len(value)} bytes; {self.max_bytes} are taken"
        )

    def refusal_of_schema(
        self, loaded: LoadedSchema, content_bytes: int, count: int
    ) -> Rejected | None:
        """Why so many records in so many bytes are not read with the schema; None when they may be."""
        if self.record_names and loaded.name not in self.record_names:
            return Rejected(
                RejectReason.REFUSED_SCHEMA,
                f"its record {loaded.name} is not listed in EVENT_RECORD_NAMES",
            )
        if loaded.cost.most_bytes(content_bytes, count) <= self.most_memory_bytes:
            return None
        return Rejected(
            RejectReason.TOO_LARGE,
            f"{content_bytes} bytes written with {loaded.name}, a schema that can make "
            f"{loaded.cost.bytes_per_byte} bytes of memory from each",
        )
