"""Dead letters against librdkafka's mock cluster."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from prometheus_client import CollectorRegistry

from consumer.errors import KafkaFatal
from consumer.kafka.connection import KafkaConnection, producer_properties
from consumer.kafka.dead_letter_headers import read_failure
from consumer.kafka.dead_letters import DeadLetters
from consumer.record import KafkaRecord, Rejected, RejectReason
from consumer.sandbox.embedded_kafka import PRODUCER_PROPERTIES, ApiKey, EmbeddedKafka
from consumer.telemetry.metrics import Metrics
from tests.builders import a_record
from tests.contract.kafka_reader import until

TOPIC = "dead-letters"
REJECTED = Rejected(RejectReason.UNDECODABLE, "field 3 is a string", "vip_customers")


@pytest.fixture
def kafka(embedded_kafka: EmbeddedKafka) -> EmbeddedKafka:
    embedded_kafka.create_topic(TOPIC, partitions=1)
    return embedded_kafka


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@asynccontextmanager
async def writing(
    kafka: EmbeddedKafka,
    metrics: Metrics,
    *,
    now: Callable[[], float] = time.monotonic,
    **properties: str,
) -> AsyncIterator[DeadLetters]:
    own = {name.replace("_", "."): value for name, value in properties.items()}
    connection = KafkaConnection(
        kafka.bootstrap_servers, "group", properties={**PRODUCER_PROPERTIES, **own}
    )
    dead_letters = DeadLetters(
        properties=producer_properties(connection),
        topic=TOPIC,
        version="1.2.3",
        metrics=metrics,
        jitter=lambda: -0.9,  # waits of a twentieth of the real ones
        now=now,
    )
    await dead_letters.start()
    try:
        yield dead_letters
    finally:
        await dead_letters.close(flush_seconds=1)


async def written(kafka: EmbeddedKafka, count: int) -> list[Message]:
    return await asyncio.to_thread(_written, kafka, count)


def _written(kafka: EmbeddedKafka, count: int) -> list[Message]:
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "look", "fetch.wait.max.ms": 10}
    )
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        found: list[Message] = []
        deadline = time.monotonic() + 10
        while len(found) < count and time.monotonic() < deadline:
            found += consumer.consume(count - len(found), 0.05)
        # A little longer: nothing may come twice.
        return found + consumer.consume(1, 0.1)
    finally:
        consumer.close()


def count(metrics: Metrics, result: str) -> float:
    name = "segment_liveintent_dead_letter_writes_total"
    return metrics.registry.get_sample_value(name, {"result": result}) or 0.0


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    headers = message.headers()
    assert isinstance(headers, list)
    return headers  # type: ignore[return-value]


async def test_a_dead_letter_is_the_record_and_why_it_failed(
    kafka: EmbeddedKafka, metrics: Metrics
) -> None:
    record = a_record(
        41, partition=7, key=b"\xfe", value=b"\xff\x00", headers=(("own", b"\x80"), ("none", None))
    )
    before = time.time() * 1000
    async with writing(kafka, metrics) as dead_letters:
        await dead_letters.send(record, REJECTED, stage="decode")

    (message,) = await written(kafka, 1)
    assert (message.key(), message.value()) == (b"\xfe", b"\xff\x00")
    assert headers_of(message) == [
        ("own", b"\x80"),
        ("none", None),
        ("segment_liveintent.reason", b"undecodable"),
        ("segment_liveintent.stage", b"decode"),
        ("segment_liveintent.detail", b"field 3 is a string"),
        ("segment_liveintent.topic", b"events"),
        ("segment_liveintent.partition", b"7"),
        ("segment_liveintent.offset", b"41"),
        ("segment_liveintent.timestamp_ms", b"1768000000000"),
        ("segment_liveintent.attempt", b"1"),
        ("segment_liveintent.version", b"1.2.3"),
        ("segment_liveintent.audience", b"vip_customers"),
    ]
    # Its own time is now: one from long ago could expire at once on the dead-letter topic.
    assert message.timestamp()[1] >= before - 1
    assert count(metrics, "ok") == 1


async def test_a_tombstone_can_be_a_dead_letter(kafka: EmbeddedKafka, metrics: Metrics) -> None:
    async with writing(kafka, metrics) as dead_letters:
        await dead_letters.send(a_record(key=None, value=None), REJECTED, stage="decode")

    (message,) = await written(kafka, 1)
    assert (message.key(), message.value()) == (None, None)


async def test_a_failed_write_is_tried_again_until_kafka_has_it_once(
    kafka: EmbeddedKafka, metrics: Metrics
) -> None:
    kafka.push_errors(ApiKey.PRODUCE, *[KafkaError.INVALID_RECORD] * 2)
    async with writing(kafka, metrics) as dead_letters:
        await dead_letters.send(a_record(), REJECTED, stage="decode")

    messages = await written(kafka, 1)
    assert len(messages) == 1
    assert (count(metrics, "failed"), count(metrics, "ok")) == (2, 1)


async def test_a_write_outlasts_an_outage(kafka: EmbeddedKafka, metrics: Metrics) -> None:
    async with writing(kafka, metrics, message_timeout_ms="300") as dead_letters:
        await dead_letters.send(a_record(1), REJECTED, stage="decode")
        kafka.set_broker_down()
        sending = asyncio.create_task(dead_letters.send(a_record(2), REJECTED, stage="decode"))
        await until(lambda: count(metrics, "failed"))
        assert not sending.done()
        kafka.set_broker_up()
        await asyncio.wait_for(sending, 20)

    offsets = [read_failure(headers_of(each)) for each in await written(kafka, 2)]
    assert [failure.offset for failure in offsets if failure is not None] == [1, 2]


async def test_more_dead_letters_than_the_producer_can_queue_wait_their_turn(
    kafka: EmbeddedKafka, metrics: Metrics
) -> None:
    async with writing(kafka, metrics, queue_buffering_max_messages="2") as dead_letters:
        await asyncio.gather(
            *(dead_letters.send(a_record(each), REJECTED, stage="decode") for each in range(10))
        )

    assert len(await written(kafka, 10)) == 10
    assert count(metrics, "failed") == 0


async def test_a_record_as_large_as_its_topic_takes_fits_with_our_headers(
    kafka: EmbeddedKafka, metrics: Metrics
) -> None:
    async with writing(kafka, metrics) as dead_letters:
        await dead_letters.send(a_record(value=bytes(2_000_000)), REJECTED, stage="decode")

    (message,) = await written(kafka, 1)
    assert len(message.value() or b"") == 2_000_000


async def test_closing_cancels_what_kafka_did_not_take_in_time(
    kafka: EmbeddedKafka, metrics: Metrics
) -> None:
    async with writing(kafka, metrics) as dead_letters:
        await dead_letters.send(a_record(1), REJECTED, stage="decode")
        kafka.set_broker_down()
        sending = asyncio.create_task(dead_letters.send(a_record(2), REJECTED, stage="decode"))
        await asyncio.sleep(0)

        assert await dead_letters.close(flush_seconds=0.2) == 1
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(asyncio.CancelledError):
            await dead_letters.send(a_record(3), REJECTED, stage="decode")


async def test_closing_waits_for_writes_under_way(kafka: EmbeddedKafka, metrics: Metrics) -> None:
    async with writing(kafka, metrics, linger_ms="200") as dead_letters:
        sending = asyncio.create_task(dead_letters.send(a_record(), REJECTED, stage="decode"))
        await asyncio.sleep(0)

        assert await dead_letters.close(flush_seconds=5) == 0
        await asyncio.wait_for(sending, 1)

    assert len(await written(kafka, 1)) == 1


async def test_a_producer_librdkafka_refuses_to_build_ends_the_process(
    kafka: EmbeddedKafka, metrics: Metrics
) -> None:
    with pytest.raises(KafkaFatal, match=r"no\.such"):
        async with writing(kafka, metrics, no_such="1"):
            pass


async def test_a_dead_producer_ends_the_process(kafka: EmbeddedKafka, metrics: Metrics) -> None:
    kafka.push_errors(ApiKey.PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
    async with writing(kafka, metrics, enable_gapless_guarantee="true") as dead_letters:
        for _ in range(2):
            with pytest.raises(KafkaFatal, match="dead-letter producer"):
                await dead_letters.send(a_record(), REJECTED, stage="decode")


async def test_nothing_is_sent_before_the_producer_is_built(metrics: Metrics) -> None:
    dead_letters = DeadLetters(properties={}, topic=TOPIC, version="1", metrics=metrics)
    record: KafkaRecord = a_record()

    with pytest.raises(RuntimeError, match="start"):
        await dead_letters.send(record, REJECTED, stage="decode")
    assert await dead_letters.close(flush_seconds=0) == 0
