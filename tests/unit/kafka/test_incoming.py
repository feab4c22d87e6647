from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from consumer.kafka.incoming import record_from
from tests.builders import a_record


def test_a_message_becomes_a_record_under_the_assignment_it_was_read_in() -> None:
    message = Message(
        topic="events",
        partition=3,
        offset=7,
        key=b"k",
        value=b"v",
        headers=[("a", b"1"), ("a", None)],
        timestamp=(TIMESTAMP_CREATE_TIME, 1000),
        leader_epoch=2,
    )

    assert record_from(message, assignment=9) == a_record(
        7,
        topic="events",
        partition=3,
        key=b"k",
        value=b"v",
        headers=(("a", b"1"), ("a", None)),
        timestamp_ms=1000,
        leader_epoch=2,
        assignment=9,
    )


def test_a_message_without_a_time_has_none() -> None:
    message = Message(topic="t", partition=0, offset=0, timestamp=(TIMESTAMP_NOT_AVAILABLE, 0))

    assert record_from(message, assignment=1).timestamp_ms is None


def test_a_header_whose_name_cannot_be_read_costs_the_headers_and_not_the_partition() -> None:
    class Odd(Message):
        def headers(self) -> None:
            b"\xff".decode()

    odd = Odd(topic="t", partition=0, offset=0, value=b"v", timestamp=(1, 1))

    record = record_from(odd, assignment=1)

    assert (record.headers, record.value) == ((), b"v")
