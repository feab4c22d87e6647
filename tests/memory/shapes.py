"""Records of every shape that may weigh differently, each of a person of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from consumer.choices import EventFormat
from consumer.record import KafkaRecord
from consumer.sandbox.segment_encoders import as_avro_container, as_avro_single_object, as_json
from tests.segment_events import Fields, a_track, an_identify, personas

LISTED = tuple(f"audience_{number}" for number in range(10))
Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Shape:
    """So many records alike. `event` makes the one of a number."""

    count: int
    event: Callable[[int], Fields]
    event_format: EventFormat = EventFormat.JSON
    headers: Callable[[int], tuple[Header, ...]] = lambda _: ()
    events_in_a_file: int = 0
    """How many events a record holds in a container file; then `count` is of records, and `event` of events."""

    def records(self) -> Iterator[KafkaRecord]:
        """The records, no object shared between two of them but what Kafka's client shares too."""
        for number in range(self.count):
            yield KafkaRecord(
                topic="segment.events",
                partition=number % 6,
                offset=10**9 + number,
                key=_own(f"user-{number}"),
                value=bytes(bytearray(self._value(number))),
                headers=self.headers(number),
                timestamp_ms=1_768_000_000_000 + number,
                leader_epoch=1_000 + number,
                assignment=1,
            )

    def _value(self, number: int) -> bytes:
        match self.event_format:
            case EventFormat.AVRO_CONTAINER:
                first = number * self.events_in_a_file
                numbers = range(first, first + self.events_in_a_file)
                return as_avro_container(map(self.event, numbers), codec="deflate")
            case EventFormat.JSON:
                return as_json(self.event(number))
            case _:
                return as_avro_single_object(self.event(number))


def _own(text: str) -> bytes:
    return bytes(bytearray(text.encode()))


def _email(number: int, **traits: object) -> Fields:
    return an_identify(
        key=LISTED[0],
        email=f"person.{number:09d}@example.com",
        traits=traits,
        messageId=f"personas_2Zx8Lq4TnB{number:014d}Vw3",
    )


def _device(number: int) -> Fields:
    device = {"type": "ios", "advertisingId": f"{number:08X}-0C4E-4F5A-9B6C-{number:012X}"}
    return {
        **a_track(key=LISTED[0], email=None, context={"device": device}),
        "messageId": f"personas_2Zx8Lq4TnB{number:014d}Vw3",
    }


def _listed(number: int) -> Fields:
    """An identify without a word from Engage: its traits name every listed audience, and six identifiers."""
    ids = [f"{number:08x}-0c4e-4f5a-9b6c-{kind:02x}{number:010x}" for kind in range(5)]
    event = an_identify(
        email=f"person.{number:09d}@example.com",
        context={"device": {"type": "android", "advertisingId": ids[0]}},
        traits={**dict.fromkeys(LISTED, True), "ios_idfa": ids[1], "android_idfa": ids[2]},
        messageId=f"ajs-next-{number:020d}",
    )
    return {**event, "properties": {"ios_idfa": ids[3], "android_idfa": ids[4]}}


def _external_ids(number: int) -> Fields:
    ids = [
        {"id": f"{kind}-{number:09d}", "type": kind, "collection": "users", "encoding": "none"}
        for kind in ("user_id", "cross_domain_id", "braze_id", "ga_client_id", "anonymous_id")
    ]
    email = {"id": f"person.{number:09d}@example.com", "type": "email", "collection": "users"}
    context = {"personas": personas(LISTED[0]), "externalIds": [*ids, email]}
    return {**_email(number), "traits": {LISTED[0]: True}, "context": context}


def _toggled(number: int) -> Fields:
    """Each person four times, by message ids as long as any is kept."""
    event = _email(number // 4)
    return {
        **event,
        "messageId": f"a-message-id-of-64-characters-{number:034d}",
        "timestamp": f"2026-03-02T08:15:0{number % 4}Z",
        "traits": {**event["traits"], LISTED[0]: number % 2 == 1},  # type: ignore[dict-item]
    }


def _noise(number: int) -> Fields:
    return {**_email(number), "type": "page"}


def _headers(number: int) -> tuple[Header, ...]:
    return tuple((f"header.{place}.{number}", _own(f"value {number}")) for place in range(20))


SHAPES = {
    "one email, JSON": Shape(30_000, _email),
    "one email, Avro": Shape(30_000, _email, EventFormat.AVRO_SINGLE_OBJECT),
    "one device": Shape(30_000, _device),
    "email among external ids": Shape(30_000, _external_ids),
    "one email, changed four times": Shape(60_000, _toggled),
    "six identifiers in ten audiences": Shape(2_000, _listed),
    "one email, 20 KB of traits": Shape(2_000, lambda number: _email(number, bio="x" * 20_000)),
    # Enough of them to outweigh what decoding the latest few takes, which is a few megabytes however many there are.
    "one email, 200 KB of traits": Shape(1_000, lambda number: _email(number, bio="x" * 200_000)),
    "one email, twenty headers": Shape(10_000, _email, headers=_headers),
    "a file of a hundred emails": Shape(
        400, _email, EventFormat.AVRO_CONTAINER, events_in_a_file=100
    ),
    "a file of a hundred devices": Shape(
        400, _device, EventFormat.AVRO_CONTAINER, events_in_a_file=100
    ),
    "no change, not yet looked at": Shape(30_000, _noise),
}
