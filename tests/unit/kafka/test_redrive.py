"""What a redrive makes of every way a transaction can end; the producer is played by the test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumer.errors import KafkaFatal
from consumer.kafka import redrive as redrive_module
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.redrive import Overtaken, Put, Redrive, Refused
from consumer.kafka.redrive_headers import Place
from consumer.record import KafkaRecord
from tests.builders import a_record
from tests.unit.kafka.letters import a_dead_letter_record

TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


class ScriptedProducer:
    """Commits what it is given, unless the script says otherwise."""

    def __init__(self, properties: dict[str, Any], **_: object) -> None:
        self.properties = properties
        self.calls: list[str] = []
        self.committed: list[tuple[str, bytes | None]] = []
        self.written: list[tuple[str, bytes | None]] = []
        self.reports: list[Callable[[KafkaError | None, None], None]] = []
        self.refuses: Callable[[str, bytes | None], int | None] = lambda _topic, _value: None
        self.ends: list[KafkaError | None] = []
        self.aborts: list[KafkaError | None] = []
        self.full = 0

    def init_transactions(self, _seconds: float) -> None:
        self.calls.append("init")
        self._end(self.ends)

    def begin_transaction(self) -> None:
        self.written = []

    def produce(
        self,
        topic: str,
        value: bytes | None = None,
        *,
        on_delivery: Callable[[KafkaError | None, None], None],
        **_: object,
    ) -> None:
        if self.full:
            self.full -= 1
            raise BufferError
        self.written.append((topic, value))
        self.reports.append(on_delivery)

    def poll(self, _seconds: float) -> None:
        self.calls.append("poll")

    def commit_transaction(self, _seconds: float) -> None:
        self.calls.append("commit")
        self._end(self.ends)
        for (topic, value), report in zip(
            self.written, self.reports[-len(self.written) :], strict=True
        ):
            if (code := self.refuses(topic, value)) is not None:
                report(KafkaError(code), None)
                raise KafkaException(KafkaError(code, "refused", False, False, True))
            report(None, None)
        self.committed += self.written

    def abort_transaction(self, _seconds: float) -> None:
        self.calls.append("abort")
        self._end(self.aborts)

    def _end(self, script: list[KafkaError | None]) -> None:
        if script and (error := script.pop(0)) is not None:
            raise KafkaException(error)


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedProducer]:
    built: list[ScriptedProducer] = []

    def build(properties: dict[str, Any], **more: object) -> ScriptedProducer:
        built.append(ScriptedProducer(properties, **more))
        return built[-1]

    monkeypatch.setattr(redrive_module, "Producer", build)
    return built


@pytest.fixture
def redrive(producers: list[ScriptedProducer]) -> Iterator[Redrive]:
    # A clock that moves on by itself: no deadline is waited for.
    seconds = iter(range(0, 10_000, 10))
    with Redrive(KafkaConnection("b:1", "g"), "dead", now=lambda: float(next(seconds))) as redrive:
        yield redrive


@pytest.fixture
def producer(redrive: Redrive, producers: list[ScriptedProducer]) -> ScriptedProducer:
    return producers[0]


def records(*values: bytes) -> list[KafkaRecord]:
    return [a_dead_letter_record(offset, value=value) for offset, value in enumerate(values)]


def of(code: int, *, fatal: bool = False, retriable: bool = False) -> KafkaError:
    return KafkaError(code, "why", fatal, retriable, not fatal and not retriable)


def test_records_and_their_markers_go_in_one_transaction_under_the_topics_own_id(
    redrive: Redrive, producer: ScriptedProducer
) -> None:
    assert list(redrive.put_back(records(b"a", b"b"))) == [Put((Place(0, 0), Place(0, 1)))]
    assert producer.calls == ["commit"]
    assert producer.committed == [
        ("events", b"a"),
        ("dead", None),
        ("events", b"b"),
        ("dead", None),
    ]
    assert producer.properties["transactional.id"] == "segment-liveintent.redrive.dead"
    # librdkafka asks for the one to be no longer than the other.
    times = ("message.timeout.ms", "transaction.timeout.ms")
    assert int(producer.properties[times[0]]) <= int(producer.properties[times[1]])


def test_the_one_that_is_refused_is_found_and_the_others_go(
    redrive: Redrive, producer: ScriptedProducer
) -> None:
    producer.refuses = lambda _topic, value: TOO_LARGE if value == b"c" else None

    done = list(redrive.put_back(records(b"a", b"b", b"c", b"d", b"e")))

    assert Refused(Place(0, 2), "MSG_SIZE_TOO_LARGE") in done
    back = [place.offset for each in done if isinstance(each, Put) for place in each.places]
    assert back == [0, 1, 3, 4]
    assert [value for topic, value in producer.committed if topic == "events"] == [
        b"a", b"b", b"d", b"e",
    ]  # fmt: skip
    assert producer.calls.count("abort") == producer.calls.count("commit") - len(done) + 1


def test_a_dead_letter_topic_that_takes_no_marker_ends_it(
    redrive: Redrive, producer: ScriptedProducer
) -> None:
    producer.refuses = lambda topic, _value: KafkaError.INVALID_RECORD if topic == "dead" else None

    with pytest.raises(KafkaFatal, match=r"Topic dead does not take the marks.*Is it compacted\?"):
        list(redrive.put_back(records(b"a", b"b")))
    assert producer.committed == []


def test_a_transaction_out_of_step_after_a_refused_one_is_tried_again(
    redrive: Redrive, producer: ScriptedProducer
) -> None:
    producer.ends = [of(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)] * 2

    assert list(redrive.put_back(records(b"a"))) == [Put((Place(0, 0),))]
    assert producer.calls == ["commit", "abort", "commit", "abort", "commit"]


def test_a_transaction_that_stays_out_of_step_ends_it(
    redrive: Redrive, producer: ScriptedProducer
) -> None:
    producer.ends = [of(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)] * 3

    with pytest.raises(KafkaFatal, match="Those under way are all back, or none of them"):
        list(redrive.put_back(records(b"a")))


@pytest.mark.parametrize("code", [KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH])
def test_who_is_fenced_is_overtaken(
    redrive: Redrive, producer: ScriptedProducer, code: int
) -> None:
    producer.ends = [of(code, fatal=True)]

    with pytest.raises(Overtaken, match="Another redrive"):
        list(redrive.put_back(records(b"a")))
    assert producer.calls == ["commit"]


def test_who_is_fenced_while_undoing_is_overtaken_too(
    redrive: Redrive, producer: ScriptedProducer
) -> None:
    producer.ends = [of(KafkaError.TOPIC_AUTHORIZATION_FAILED)]
    producer.aborts = [of(KafkaError._FENCED, fatal=True)]

    with pytest.raises(Overtaken):
        list(redrive.put_back(records(b"a")))


def test_a_call_that_takes_its_time_is_made_again_until_it_is_through(
    redrive: Redrive, producer: ScriptedProducer
) -> None:
    producer.ends = [of(KafkaError._TIMED_OUT, retriable=True)] * 3

    redrive.take_over()

    assert producer.calls == ["init"] * 4


def test_kafka_that_never_answers_is_given_up(redrive: Redrive, producer: ScriptedProducer) -> None:
    producer.ends = [of(KafkaError._TIMED_OUT, retriable=True)] * 100

    with pytest.raises(KafkaFatal, match="cannot be put back"):
        redrive.take_over()


def test_a_full_queue_is_waited_for(redrive: Redrive, producer: ScriptedProducer) -> None:
    producer.full = 2

    assert list(redrive.put_back(records(b"a"))) == [Put((Place(0, 0),))]
    assert producer.calls == ["poll", "poll", "commit"]


def test_what_is_no_dead_letter_is_not_put_back_and_what_was_open_is_undone(
    producers: list[ScriptedProducer],
) -> None:
    with (
        pytest.raises(RuntimeError, match="only a dead letter"),
        Redrive(KafkaConnection("b:1", "g"), "dead") as redrive,
    ):
        list(redrive.put_back([a_record()]))

    assert producers[0].calls == ["abort"]


def test_what_cannot_be_undone_at_the_end_is_left_to_kafka(
    producers: list[ScriptedProducer],
) -> None:
    redrive = Redrive(KafkaConnection("b:1", "g"), "dead")
    producers[0].aborts = [of(KafkaError._TIMED_OUT, retriable=True)]

    with pytest.raises(RuntimeError, match="only a dead letter"), redrive:
        list(redrive.put_back([a_record()]))


def test_a_property_librdkafka_refuses_ends_it() -> None:
    connection = KafkaConnection("b:1", "g", properties={"no.such": "1"})

    with pytest.raises(KafkaFatal, match=r"no\.such"):
        Redrive(connection, "dead")
