from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from consumer.kafka.dead_letter_reader import DeadLetterReader, Span
from consumer.kafka.dead_letter_selection import LeftBecause, RedrivePlan
from consumer.kafka.redrive import Put, Redrive, Refused
from consumer.kafka.redrive_headers import Place
from consumer.kafka.redriving import Pace, RedriveResult, Settled, put_back_all
from consumer.record import KafkaRecord
from tests.unit.kafka.letters import a_dead_letter, a_dead_letter_record, a_marker


class FakeTopic:
    """The dead-letter topic as a list. Stands in for DeadLetterReader."""

    def __init__(self, records: Sequence[KafkaRecord]) -> None:
        self.records = records

    def spans(self) -> dict[int, Span]:
        return {0: (0, len(self.records))}

    def read(self, spans: Mapping[int, Span]) -> Iterator[KafkaRecord]:
        start, end = spans[0]
        return iter(self.records[start:end])

    def read_places(self, places: Collection[Place]) -> Iterator[KafkaRecord]:
        return (each for each in self.records if Place(0, each.offset) in places)


class FakeRedrive:
    """Takes what it is given, but for those it is told to refuse."""

    def __init__(self, refused: Collection[int] = ()) -> None:
        self.refused = refused
        self.chunks: list[list[int]] = []
        self.took_over = False

    def take_over(self) -> None:
        self.took_over = True

    def put_back(self, records: Sequence[KafkaRecord]) -> Iterator[Put | Refused]:
        assert self.took_over
        self.chunks.append([record.offset for record in records])
        yield Put(tuple(Place(0, r.offset) for r in records if r.offset not in self.refused))
        for record in records:
            if record.offset in self.refused:
                yield Refused(Place(0, record.offset), "MSG_SIZE_TOO_LARGE")


class FakeTime:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.now_seconds = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.now_seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_seconds += seconds


def put_back(
    records: Sequence[KafkaRecord],
    planned: Sequence[int],
    *,
    redrive: FakeRedrive | None = None,
    seen_to: int = 0,
    per_second: float | None = None,
    clock: FakeTime | None = None,
) -> list[Settled]:
    time = clock or FakeTime()
    letters = tuple(a_dead_letter(offset) for offset in planned)
    return list(
        put_back_all(
            RedrivePlan(letters, {}),
            cast("DeadLetterReader", FakeTopic(records)),
            cast("Redrive", redrive or FakeRedrive()),
            seen_to={0: seen_to},
            pace=Pace(per_second, time.now, time.sleep),
        )
    )


def results(settled: Sequence[Settled]) -> dict[int, RedriveResult]:
    return {each.letter.place.offset: each.result for each in settled}


def test_what_is_planned_and_nothing_else_goes_back_in_chunks() -> None:
    redrive = FakeRedrive()
    records = [a_dead_letter_record(offset) for offset in range(1200)]

    settled = put_back(records, range(0, 1200, 2), redrive=redrive)

    assert [len(chunk) for chunk in redrive.chunks] == [500, 100]
    assert set(results(settled).values()) == {RedriveResult.PUT_BACK}
    assert sorted(results(settled)) == list(range(0, 1200, 2))


def test_large_records_go_in_smaller_chunks() -> None:
    redrive = FakeRedrive()
    records = [a_dead_letter_record(offset, value=bytes(3_000_000)) for offset in range(7)]

    put_back(records, range(7), redrive=redrive)

    assert [len(chunk) for chunk in redrive.chunks] == [3, 3, 1]


def test_what_another_put_back_since_the_plan_does_not_go_back_again() -> None:
    redrive = FakeRedrive()
    records = [a_dead_letter_record(0), a_dead_letter_record(1), a_marker(Place(0, 0), offset=2)]

    settled = put_back(records, [0, 1], redrive=redrive, seen_to=2)

    assert results(settled) == {0: RedriveResult.ALREADY_PUT_BACK, 1: RedriveResult.PUT_BACK}
    assert redrive.chunks == [[1]]


def test_what_kafka_refuses_and_what_it_has_deleted_is_left() -> None:
    records = [a_dead_letter_record(0), a_dead_letter_record(1)]

    settled = put_back(records, [0, 1, 5], redrive=FakeRedrive(refused=[1]))

    left = {each.letter.place.offset: (each.why, each.code) for each in settled if each.why}
    assert left == {
        1: (LeftBecause.REFUSED_BY_KAFKA, "MSG_SIZE_TOO_LARGE"),
        5: (LeftBecause.EXPIRED, ""),
    }


def test_a_rate_is_kept_between_transactions_and_not_within_one() -> None:
    clock, redrive = FakeTime(), FakeRedrive()
    records = [a_dead_letter_record(offset) for offset in range(25)]

    put_back(records, range(25), redrive=redrive, per_second=10, clock=clock)

    assert [len(chunk) for chunk in redrive.chunks] == [10, 10, 5]
    assert clock.slept == [0, 1, 1]


def test_a_rate_below_one_a_second_sends_them_one_by_one() -> None:
    clock, redrive = FakeTime(), FakeRedrive()

    put_back([a_dead_letter_record(0), a_dead_letter_record(1)], [0, 1], redrive=redrive,
             per_second=0.25, clock=clock)  # fmt: skip

    assert redrive.chunks == [[0], [1]]
    assert clock.slept == [0, 4]
