"""What is on the topics: encoded beforehand, with what must come of it."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import cast

import orjson

from consumer.choices import DirectCallSink
from consumer.sandbox.oracle import CONTESTED, ExpectedOutcomes, Oracle
from consumer.sandbox.segment_encoders import as_avro_confluent
from consumer.sandbox.segment_feed import AUDIENCES, Disorder, FeedOptions, segment_feed
from tests.benchmarks.stand_ins import SCHEMA_ID, digest_of_members
from tests.million_calls.visits import visit_values
from tests.scenarios.events import enters
from tests.segment_events import hashes_of

MIXED_NOISE_SHARE = 0.9
PEOPLE_SHARE = 0.1
"""People for an event: with six audiences each of them changes in each now and then, and some changes fold away."""


@dataclass(frozen=True, slots=True)
class Record:
    """A key and a value, ready to be produced."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Records in the order of their topic. `members` are by audience, as `digest_of_members` has them."""

    records: Sequence[Record] = field(repr=False)
    changes: int
    """Records that ask for something: changes of membership, or direct calls."""
    ignored: Mapping[str, int]
    """Records that ask for nothing, by the reason."""
    delivered_at_least: int
    members: Mapping[str, Mapping[str, str]] = field(repr=False)
    sink: DirectCallSink | None = None
    audiences: Sequence[str] = AUDIENCES
    """What the service is told to serve."""

    @property
    def mean_bytes(self) -> float:
        return sum(len(record.value) for record in self.records) / len(self.records)


def audience_feed(events: int, *, noise_share: float = 0.0, seed: int = 1) -> Feed:
    """Segment's events in our Avro, keyed and in order: of audiences, and so much noise."""
    options = FeedOptions(
        seed=seed,
        events=events,
        people=max(20, round(events * (1 - noise_share) * PEOPLE_SHARE)),
        undecodable=0,
        disorder=Disorder.NONE,
        noise_share=noise_share,
        consent_category=None,
    )
    oracle, records = Oracle(options.audiences), []
    for item in segment_feed(options):
        oracle.see(item)
        records.append(Record(item.key, as_avro_confluent(item.value, SCHEMA_ID)))
    outcomes = oracle.outcomes()
    return Feed(
        records=records,
        changes=outcomes.changes,
        ignored=_certainly_ignored(outcomes),
        delivered_at_least=outcomes.delivered_at_least,
        members={name: digest_of_members(kinds) for name, kinds in oracle.members().items()},
    )


def direct_call_feed(calls: int, sink: DirectCallSink) -> Feed:
    """Page views or orders of this moment, in our Avro, each by a visitor of its own."""
    now = datetime.fromtimestamp(time.time(), UTC)
    records = [
        Record(key, as_avro_confluent(orjson.loads(value), SCHEMA_ID))
        for key, value in visit_values(sink, range(calls), now=now)
    ]
    return Feed(
        records=records, changes=calls, ignored={}, delivered_at_least=calls, members={}, sink=sink
    )


def arrival_feed(events: int, *, people: int, audiences: int, padding_bytes: int = 0) -> Feed:
    """`arrivals` with what must come of them. The service serves every audience it meets."""
    names = [f"audience_of_the_bench_{number:05}" for number in range(audiences)]
    records = arrivals(range(events), people=people, audiences=names, padding_bytes=padding_bytes)
    members: dict[str, set[str]] = {name: set() for name in names}
    for person in range(min(people, events)):
        members[names[person % audiences]].update(hashes_of(email_of(person)))
    return Feed(
        records=list(records),
        changes=events,
        ignored={},
        delivered_at_least=min(people, events),
        members={name: digest_of_members({"EMAIL_HASH": rows}) for name, rows in members.items()},
        audiences=("*",),
    )


def arrivals(
    numbers: Iterable[int],
    *,
    people: int | None = None,
    audiences: Sequence[str] = AUDIENCES,
    padding_bytes: int = 0,
) -> Iterator[Record]:
    """A record for each number: somebody enters an audience, with so much text besides.

    Somebody new each time, unless there are only so many people; each is in one audience.
    """
    for number in numbers:
        person = number if people is None else number % people
        email = email_of(person).encode()
        variant = number % _VARIANTS if padding_bytes else 0
        value = _template(audiences[person % len(audiences)], padding_bytes, variant)
        value = value.replace(_EMAIL, email).replace(_MESSAGE, b"personas_%018d" % number)
        yield Record(b"user-" + email, value)


def email_of(number: int) -> str:
    """The address of the person of this number; all are equally long."""
    return f"person.{number:09}@example.com"


_EMAIL = email_of(0).encode()
# Enough that a batch of a producer does not compress to nothing, which would be fetched by the gigabyte.
_VARIANTS = 64
_MESSAGE = b"personas_%018d" % 0


@cache
def _template(audience: str, padding_bytes: int, variant: int) -> bytes:
    """An event in Avro, whose texts may be replaced by others of the same length."""
    event = enters(_EMAIL.decode(), audience, messageId=_MESSAGE.decode())
    if padding_bytes:
        # Text that compresses to a half, as much of an event's text does.
        padding = Random(variant).randbytes(padding_bytes // 2).hex()
        context = cast("dict[str, object]", event["context"])
        event["context"] = {**context, "page": {"referrer": padding}}
    return as_avro_confluent(event, SCHEMA_ID)


def _certainly_ignored(outcomes: ExpectedOutcomes) -> dict[str, int]:
    return {str(why): n for why, n in outcomes.ignored.items() if why not in CONTESTED}
