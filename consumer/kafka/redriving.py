"""A whole redrive: fence the others, see what they did, and put back what is left, chunk by chunk."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consumer.kafka.dead_letter_reader import DeadLetterReader
from consumer.kafka.dead_letter_selection import DeadLetter, LeftBecause, RedrivePlan
from consumer.kafka.redrive import Put, Redrive, Refused
from consumer.kafka.redrive_headers import Place, read_marker
from consumer.record import KafkaRecord

_CHUNK_RECORDS: Final = 500
_CHUNK_BYTES: Final = 8 * 2**20


class RedriveResult(StrEnum):
    """What became of a dead letter that was asked for."""

    PUT_BACK = "put_back"
    WOULD_BE_PUT_BACK = "would_be_put_back"
    ALREADY_PUT_BACK = "already_put_back"
    """By another redrive, since this one looked."""
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Settled:
    """One dead letter and what became of it. `code` is Kafka's name for its refusal."""

    letter: DeadLetter
    result: RedriveResult
    why: LeftBecause | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast dead letters are put back, and the clock that is kept with. None: as fast as it goes."""

    per_second: float | None
    now: Callable[[], float]
    sleep: Callable[[float], None]

    @property
    def chunk_records(self) -> int:
        """How many may go at once: what a second allows, so that no transaction is held open to wait."""
        if self.per_second is None:
            return _CHUNK_RECORDS
        return max(1, min(_CHUNK_RECORDS, int(self.per_second)))


def put_back_all(
    plan: RedrivePlan,
    reader: DeadLetterReader,
    redrive: Redrive,
    *,
    seen_to: Mapping[int, int],
    pace: Pace,
) -> Iterator[Settled]:
    """Put back what the plan says, and give what became of each as it is known.

    `seen_to` is the offset after the last one the plan knows of, by partition. What another redrive put back since is
    not put back again. Raises Overtaken when another begins, and KafkaFatal; what was given by then is settled.
    """
    redrive.take_over()
    already = _marked_since(reader, seen_to)
    letters = {letter.place: letter for letter in plan.put_back}
    for place in letters.keys() & already:
        yield Settled(letters.pop(place), RedriveResult.ALREADY_PUT_BACK)
    started, sent = pace.now(), 0
    for chunk in _chunks(reader.read_places(letters.keys()), pace.chunk_records):
        if pace.per_second is not None:
            pace.sleep(max(0.0, started + sent / pace.per_second - pace.now()))
        sent += len(chunk)
        for done in redrive.put_back(chunk):
            yield from _settled(done, letters)
    for letter in letters.values():
        yield Settled(letter, RedriveResult.LEFT, LeftBecause.EXPIRED)


def _settled(done: Put | Refused, letters: dict[Place, DeadLetter]) -> Iterator[Settled]:
    match done:
        case Put(places):
            for place in places:
                yield Settled(letters.pop(place), RedriveResult.PUT_BACK)
        case Refused(place, code):
            yield Settled(
                letters.pop(place), RedriveResult.LEFT, LeftBecause.REFUSED_BY_KAFKA, code
            )


def _marked_since(reader: DeadLetterReader, seen_to: Mapping[int, int]) -> set[Place]:
    spans = {
        number: (max(start, seen_to.get(number, start)), end)
        for number, (start, end) in reader.spans().items()
    }
    marked = (read_marker(record.headers) for record in reader.read(spans))
    return {place for place in marked if place is not None}


def _chunks(records: Iterable[KafkaRecord], most: int) -> Iterator[Sequence[KafkaRecord]]:
    chunk: list[KafkaRecord] = []
    size_bytes = 0
    for record in records:
        chunk.append(record)
        size_bytes += record.size_bytes
        if len(chunk) >= most or size_bytes >= _CHUNK_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
    if chunk:
        yield chunk
