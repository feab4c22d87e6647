"""Backlogs that are made fast: one template of an event, and a person of its own for each record."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import orjson
from confluent_kafka import Producer

from tests.kafka_cluster.topics import end_offsets
from tests.scenarios.events import enters
from tests.segment_events import hashes_of

_EMAIL, _MESSAGE, _AUDIENCE = b"@the email@", b"@the message@", b"@the audience@"
_TEMPLATES = 200
_FLUSH_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """So many records, of which each `change_every`-th has a person of its own enter one of the audiences.

    The others are page views. Every record has so much text besides.
    """

    records: int
    change_every: int = 1
    audiences: int = 3
    padding_bytes: int = 0

    @cached_property
    def audience_names(self) -> tuple[str, ...]:
        return tuple(f"audience_of_backlog_{number}" for number in range(self.audiences))

    def members(self) -> dict[str, set[str]]:
        """Return what LiveIntent must hold of each audience in the end."""
        members: dict[str, set[str]] = {name: set() for name in self.audience_names}
        for number in range(0, self.records, self.change_every):
            members[self._audience(number)].update(hashes_of(_email(number)))
        return members

    def produce(self, bootstrap_servers: str, topic: str) -> None:
        """Write all of it, compressed. Raises RuntimeError unless every record is there."""
        producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "linger.ms": 50,
                "batch.size": 1_000_000,
                "batch.num.messages": 5_000,
                "compression.type": "zstd",
                "queue.buffering.max.messages": 50_000,
            }
        )
        for key, value in self._keyed_values():
            while True:
                try:
                    producer.produce(topic, value, key)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush(_FLUSH_SECONDS)
        written = sum(end_offsets(bootstrap_servers, topic).values())
        if written != self.records:
            message = f"{written} of {self.records} records were written"
            raise RuntimeError(message)

    def _keyed_values(self) -> Iterator[tuple[bytes, bytes]]:
        # Text that compresses to a half, and differs within a batch: what compresses to nothing is fetched by the gigabyte.
        chance = random.Random(1)
        enter, view = (
            [self._template(chance, call) for _ in range(_TEMPLATES if self.padding_bytes else 1)]
            for call in ("identify", "page")
        )
        for number in range(self.records):
            templates = view if number % self.change_every else enter
            yield (
                b"user-%d" % number,
                templates[number % len(templates)]
                .replace(_EMAIL, _email(number).encode())
                .replace(_MESSAGE, b"personas_%030d" % number)
                .replace(_AUDIENCE, self._audience(number).encode()),
            )

    def _template(self, chance: random.Random, call: str) -> bytes:
        event = enters(_EMAIL.decode(), _AUDIENCE.decode())
        padding = chance.randbytes(self.padding_bytes // 2).hex()
        named = {"messageId": _MESSAGE.decode(), "userId": _MESSAGE.decode()}
        return orjson.dumps({**event, **named, "type": call, "padding": padding})

    def _audience(self, number: int) -> str:
        return self.audience_names[number // self.change_every % self.audiences]


def _email(number: int) -> str:
    return f"person.{number}@example.com"
