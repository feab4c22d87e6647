"""How many flushes set out at a time, and in which order: many audiences are due, and LiveIntent takes few calls."""

from consumer.audience.membership import Action, AudienceKey
from consumer.liveintent.uploader import Finished
from tests.builders import VIP, a_change, an_email
from tests.unit.delivery.parts import Parts, delivering, settled, until

SMALL = [AudienceKey(f"small_{number}") for number in range(5)]
ANA = an_email("ana")


class Room:
    """Room for so many that are on their way."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.parts: Parts | None = None

    def __call__(self) -> int:
        assert self.parts is not None
        return self.slots - sum(not flight.result.done() for flight in self.parts.uploader.flights)


async def test_no_more_flushes_set_out_than_there_is_room_for_and_the_longest_waiting_first() -> (
    None
):
    room = Room(2)
    async with delivering(room=room) as parts:
        room.parts = parts
        for offset, audience in enumerate(SMALL):
            parts.accept(a_change(audience=audience), offset=offset)
        await settled()

        assert sent(parts) == SMALL[:2]

        for number in range(len(SMALL)):
            parts.uploader.flights[number].end(Finished())
            await settled()

        assert sent(parts) == SMALL
        assert parts.ledger.books.delivered == len(SMALL)
        assert list(parts.delivery.lanes) == []


async def test_what_comes_while_an_audience_waits_for_room_goes_with_it() -> None:
    room = Room(1)
    async with delivering(room=room) as parts:
        room.parts = parts
        parts.accept(a_change(audience=SMALL[0]), offset=0)
        await parts.flight()
        for number in range(10):
            member = an_email(f"p{number}")
            parts.accept(a_change(audience=SMALL[1], identifier=member), offset=1 + number)
            await settled()

        parts.uploader.flights[0].end(Finished())
        second = await parts.flight(2)

        assert len(second.batch) == 10


async def test_an_audience_with_rows_enough_does_not_go_before_one_that_has_waited_longer() -> None:
    room = Room(1)
    async with delivering(room=room, flush_rows=3) as parts:
        room.parts = parts
        parts.accept(a_change(audience=VIP), offset=0)
        first = await parts.flight()
        for offset, audience in enumerate(SMALL):
            parts.accept(a_change(audience=audience), offset=1 + offset)
        for number in range(5):
            member = an_email(f"p{number}")
            parts.accept(a_change(audience=VIP, identifier=member), offset=10 + number)
        first.end(Finished())

        for number in range(2, len(SMALL) + 2):
            (await parts.flight(number)).end(Finished())
        last = await parts.flight(len(SMALL) + 2)

        assert sent(parts) == [VIP, *SMALL, VIP]
        assert len(last.batch) == 5


async def test_room_that_appears_is_used_when_it_is_told_of() -> None:
    slots = 0
    async with delivering(room=lambda: slots) as parts:
        parts.accept(a_change())
        await settled()

        assert sent(parts) == []

        slots = 1
        parts.delivery.look_for_room()
        await parts.flight()

        assert sent(parts) == [VIP]


async def test_a_partition_that_leaves_takes_what_waits_for_room_with_it() -> None:
    async with delivering(room=lambda: 0) as parts:
        entry = parts.accept(a_change(Action.REMOVE, identifier=ANA))
        await settled()

        assert parts.delivery.waits_for(entry) == "its audience's turn to be sent"

        await parts.delivery.release([entry.partition], drain_seconds=0)

        assert list(parts.delivery.lanes) == []
        assert not parts.delivery.busy


async def test_an_unfinished_record_says_which_audiences_upload_it_waits_for() -> None:
    async with delivering() as parts:
        entry = parts.accept(a_change(audience=SMALL[0]), a_change(audience=SMALL[1]))
        await parts.flight(2)

        assert parts.delivery.waits_for(entry).startswith(f"the upload of {SMALL[0]}")

        parts.uploader.flights[0].end(Finished())
        await until(lambda: len(parts.delivery.lanes.flying) == 1)

        assert parts.delivery.waits_for(entry).startswith(f"the upload of {SMALL[1]}")

        parts.delivery.let_go([entry.partition])

        assert parts.delivery.waits_for(entry) == "its audience's next flush"


def sent(parts: Parts) -> list[AudienceKey]:
    return [flight.batch.audience for flight in parts.uploader.flights]
