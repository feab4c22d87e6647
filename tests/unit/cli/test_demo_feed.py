import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from consumer.cli import demo_feed
from consumer.cli.demo_feed import DemoFeed
from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_encoders import as_avro_confluent
from consumer.sandbox.segment_feed import FeedOptions, segment_feed

OPTIONS = FeedOptions(events=1_000, people=50)


@pytest.fixture
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as kafka:
        kafka.create_topic("events", partitions=3)
        yield kafka


@pytest.fixture
def feed(kafka: EmbeddedKafka) -> Iterator[DemoFeed]:
    feed = DemoFeed(
        OPTIONS,
        bootstrap_servers=kafka.bootstrap_servers,
        topic="events",
        schema_id=7,
        most_unfinished=500,
    )
    yield feed
    feed.close()


def read_all(kafka: EmbeddedKafka, count: int) -> list[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "reader",
            "auto.offset.reset": "earliest",
            "log_level": 2,
        }
    )
    consumer.subscribe(["events"])
    records: list[Message] = []
    while len(records) < count:
        records += consumer.consume(count, 5)
    consumer.close()
    return records


async def test_the_feed_stands_on_the_topic_by_key_and_in_order(
    kafka: EmbeddedKafka, feed: DemoFeed
) -> None:
    await feed.produce(1_000, finished=lambda: feed.produced, leave=asyncio.Event())
    await asyncio.to_thread(feed.flush)

    records = await asyncio.to_thread(read_all, kafka, 1_000)
    by_key: dict[bytes, list[bytes]] = {}
    for record in records:
        by_key.setdefault(record.key(), []).append(record.value())  # type: ignore[arg-type]
    meant: dict[bytes, list[bytes]] = {}
    for item in segment_feed(OPTIONS):
        meant.setdefault(item.key, []).append(as_avro_confluent(item.value, 7))

    assert by_key == meant
    assert len({record.partition() for record in records}) == 3


async def test_the_oracle_sees_exactly_what_was_produced(feed: DemoFeed) -> None:
    await feed.produce(400, finished=lambda: 0, leave=asyncio.Event())

    assert feed.produced == 400
    assert feed.oracle.outcomes() == Oracle.of(list(segment_feed(OPTIONS))[:400]).outcomes()


async def test_it_waits_while_too_much_is_unfinished(feed: DemoFeed) -> None:
    finished = 0
    producing = asyncio.create_task(
        feed.produce(1_000, finished=lambda: finished, leave=asyncio.Event())
    )

    async with asyncio.timeout(5):
        while feed.produced < 750:  # noqa: ASYNC110 - it is the thread's doing that is awaited
            await asyncio.sleep(0.01)
    assert not producing.done()

    finished = 750
    async with asyncio.timeout(5):
        await producing
    assert feed.produced == 1_000


async def test_it_stops_when_it_is_time_to_leave(feed: DemoFeed) -> None:
    leave = asyncio.Event()
    leave.set()

    await feed.produce(1_000, finished=lambda: 0, leave=leave)

    assert feed.produced == 0


async def test_a_closed_feed_produces_nothing_more(feed: DemoFeed) -> None:
    feed.close()

    feed.flush()
    await asyncio.to_thread(feed._produce_chunk, 10)

    assert feed.produced == 0


async def test_a_record_the_broker_refuses_is_an_error(
    kafka: EmbeddedKafka, feed: DemoFeed
) -> None:
    if not kafka.has_faults:
        pytest.skip("this build of confluent-kafka hides librdkafka's mock functions")
    kafka.push_errors(ApiKey.PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 20)
    await feed.produce(10, finished=lambda: 0, leave=asyncio.Event())

    with pytest.raises(KafkaException):
        await asyncio.to_thread(feed.flush)


async def test_records_that_cannot_be_written_are_an_error(
    kafka: EmbeddedKafka, feed: DemoFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kafka.has_faults:
        pytest.skip("this build of confluent-kafka hides librdkafka's mock functions")
    monkeypatch.setattr(demo_feed, "_FLUSH_SECONDS", 0.2)
    await asyncio.to_thread(kafka.set_broker_down)
    await feed.produce(10, finished=lambda: 0, leave=asyncio.Event())

    with pytest.raises(KafkaException):
        await asyncio.to_thread(feed.flush)
