"""Whoever was deleted is in no audience, in whatever order the deletion and older events arrive and files are sent."""

from dataclasses import dataclass
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from consumer.audience.lanes import FlushPolicy, Lanes
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, AudienceKey
from consumer.delivery import Delivery
from consumer.record import IgnoreReason, Rejected
from consumer.segment.event import SegmentEvent
from consumer.segment.membership_rules import Origin
from consumer.segment.record_reading import read_record
from consumer.telemetry.metrics import Metrics
from consumer.withdrawing import Withdrawing
from tests.properties.effort import effort
from tests.scenarios.withdrawals import CONSENT, consent_event, deletion
from tests.segment_events import Fields, a_policy, an_identify, event_of, hashes_of, personas

ANA, BEN = "ana@shop.example", "ben@shop.example"
LISTED, MET = "listed_audience", "met_audience"
POLICY = a_policy(LISTED, every_audience=True, consent_categories=[CONSENT])
AGREES = {"categoryPreferences": {CONSENT: True}}

minutes = st.integers(0, 59)


def at(hour: int, minute: int) -> str:
    return f"2026-03-02T{hour:02}:{minute:02}:00Z"


def membership(email: str, audience: str, action: Action, hour: int, minute: int) -> Fields:
    """An event of this hour, which Segment received at once, or any time later."""
    moment = at(hour, minute)
    return an_identify(
        key=audience,
        value=action is Action.ADD,
        email=email,
        context={"personas": personas(audience), "consent": AGREES},
        messageId=f"{email} {audience} {action} {moment}",
        timestamp=moment,
        receivedAt=at(20, minute),
    )


older = st.builds(
    membership,
    st.sampled_from([ANA, BEN]),
    st.sampled_from([LISTED, MET]),
    st.sampled_from(Action),
    st.integers(1, 8),
    minutes,
)
withdrawals = st.one_of(
    st.builds(lambda minute: deletion(ANA, at=at(9, minute)), minutes),
    st.builds(lambda minute: consent_event(ANA, agrees=False, at=at(9, minute)), minutes),
)


@dataclass
class _Delivery:
    lanes: Lanes[int]


class Process:
    """Rules, lanes and guard as they are; a LiveIntent that applies each flush at once."""

    def __init__(self) -> None:
        self.lanes: Lanes[int] = Lanes(FlushPolicy(1.0, 1_000), LatestState(10_000))
        self.members: dict[str, set[str]] = {LISTED: set(hashes_of(ANA)), MET: set()}
        self._withdrawing = Withdrawing(
            audiences=[AudienceKey(LISTED)],
            delivery=cast("Delivery", _Delivery(self.lanes)),
            privacy=None,
            metrics=Metrics(CollectorRegistry()),
        )
        self._offset = 0

    def read(self, fields: Fields, partition: int) -> None:
        self._offset += 1
        event: SegmentEvent | Rejected = event_of(fields)
        read = read_record([event], POLICY, Origin(f"events-{partition}", self._offset))
        asked = self._withdrawing.asked_by(read)
        for change in (*read.changes, *asked.removals):
            self.lanes.offer(change, self._offset, now=0.0)

    def flush(self) -> None:
        while (lane := self.lanes.first_waiting()) is not None:
            batch = self.lanes.take(lane, now=0.0)
            for file in batch.files():
                rows = set(batch.rows(*file))
                members = self.members.setdefault(batch.audience, set())
                if file[0] is Action.ADD:
                    members |= rows
                else:
                    members -= rows
            lane.remember(batch)
            self.lanes.end_flush(lane)


@effort(examples=400)
@given(data=st.data(), history=st.lists(older, max_size=8), withdrawal=withdrawals)
def test_whoever_withdrew_is_in_no_audience_whatever_the_order(
    data: st.DataObject, history: list[Fields], withdrawal: Fields
) -> None:
    process = Process()
    for arrival in data.draw(st.permutations([*history, withdrawal])):
        process.read(arrival, data.draw(st.integers(0, 2)))
        if data.draw(st.booleans()):
            process.flush()
    process.flush()

    left = {name: rows & set(hashes_of(ANA)) for name, rows in process.members.items()}
    assert not any(left.values()), left


@effort(examples=200)
@given(data=st.data(), history=st.lists(older, max_size=8), withdrawal=withdrawals)
def test_nobody_else_is_touched_and_a_newer_enter_counts_again(
    data: st.DataObject, history: list[Fields], withdrawal: Fields
) -> None:
    again = membership(ANA, MET, Action.ADD, 10, 0)
    process, alone = Process(), Process()
    for arrival in data.draw(st.permutations([*history, withdrawal, again])):
        process.read(arrival, 0)
        if arrival is not withdrawal:
            alone.read(arrival, 0)
    process.flush()
    alone.flush()

    ben = set(hashes_of(BEN))
    assert {name: rows & ben for name, rows in process.members.items()} == {
        name: rows & ben for name, rows in alone.members.items()
    }
    assert process.members[MET] >= set(hashes_of(ANA))


def test_an_older_enter_that_comes_after_a_deletion_is_stale() -> None:
    process = Process()
    process.read(deletion(ANA, at=at(9, 0)), 0)
    change = next(
        iter(
            read_record(
                [event_of(membership(ANA, MET, Action.ADD, 8, 0))], POLICY, Origin("events-1", 1)
            ).changes
        )
    )

    settled = process.lanes.offer(change, 7, now=0.0)

    assert settled == [(7, IgnoreReason.STALE)]
