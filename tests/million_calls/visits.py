"""Visits and orders made fast: one template of an event, and a visitor of its own for each."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import orjson
from confluent_kafka import Producer

from consumer.choices import DirectCallSink

_NUMBER, _HASH = b"@the number@", b"@the hash@"
_FLUSH_SECONDS = 30


class Visits:
    """Writes events of this moment to a topic, so many at a time."""

    def __init__(self, bootstrap_servers: str, topic: str, *, sink: DirectCallSink) -> None:
        self._topic = topic
        self._sink = sink
        self._producer = Producer(
            {"bootstrap.servers": bootstrap_servers, "linger.ms": 20, "batch.size": 200_000}
        )
        self.written = 0

    def write(self, count: int) -> None:
        """Write so many more; they are there when this returns."""
        numbers = range(self.written, self.written + count)
        now = datetime.fromtimestamp(time.time(), UTC)
        for key, value in visit_values(self._sink, numbers, now=now):
            self._producer.produce(self._topic, value, key)
            self._producer.poll(0)
        left = self._producer.flush(_FLUSH_SECONDS)
        if left:
            message = f"Kafka did not take {left} records"
            raise RuntimeError(message)
        self.written += count


def visit_values(
    sink: DirectCallSink, numbers: Iterable[int], *, now: datetime
) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of one event for each number, all of this moment: what the sink is for."""
    template = _page_view() if sink is DirectCallSink.COLLECTOR else _order()
    template = template.replace(b"@now@", now.isoformat().encode())
    for number in numbers:
        name = b"%09d" % number
        value = template.replace(_NUMBER, name).replace(_HASH, b"%064x" % number)
        yield b"visitor-" + name, value


def _page_view() -> bytes:
    number = _NUMBER.decode()
    return orjson.dumps(
        {
            **_anything("page"),
            "name": f"Page {number}",
            "properties": {"url": f"https://shop.example/p/{number}"},
        }
    )


def _order() -> bytes:
    bought = {"currency": "USD", "revenue": 12.5, "email": _HASH.decode()}
    return orjson.dumps({**_anything("track"), "event": "Order Completed", "properties": bought})


def _anything(call: str) -> dict[str, object]:
    number = _NUMBER.decode()
    return {
        "type": call,
        "messageId": f"message-{number}",
        "userId": f"visitor-{number}",
        "context": {"ip": "203.0.113.7", "userAgent": "Browser/1.0"},
        "timestamp": "@now@",
        "receivedAt": "@now@",
    }
