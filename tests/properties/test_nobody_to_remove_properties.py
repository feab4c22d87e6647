"""Removals alone create no audience, and nobody is lost or left in one by that, whatever comes when and to whom."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from consumer.audience.lane import Lane
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import (
    Action,
    AudienceKey,
    Identifier,
    IdentifierType,
    MembershipChange,
    Version,
)
from consumer.liveintent.audience_directory import AudienceDirectory
from consumer.liveintent.policies import DirectoryPolicy, UploadPolicy
from consumer.liveintent.uploader import Finished, NobodyToRemove, Uploader
from consumer.telemetry.metrics import Metrics
from tests.properties.effort import effort
from tests.unit.liveintent.fake_liveintent import ACCOUNT, FakeLiveIntent
from tests.unit.liveintent.virtual_time import VirtualTime

KEY = AudienceKey("spring_buyers")
LAG_MAX_SECONDS = sum(DirectoryPolicy().settle_waits_seconds) - 1
PEOPLE = [hashlib.sha256(name).hexdigest() for name in (b"ana", b"ben", b"cleo")]


class Step(StrEnum):
    FLUSH = "flush"
    DIES = "the replica dies in the middle of a flush"
    MOVES = "the partition moves to another replica"


@dataclass
class Replica:
    """What one process has: its lane, its guard and its directory."""

    lane: Lane[int]
    uploader: Uploader


@dataclass
class World:
    time: VirtualTime
    liveintent: FakeLiveIntent
    replica: Replica = field(init=False)
    waiting: dict[int, MembershipChange] = field(default_factory=dict)
    """Read, and not committed."""
    newest: dict[str, MembershipChange] = field(default_factory=dict)
    added: bool = False
    read: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        directory = AudienceDirectory(
            self.liveintent, ACCOUNT, DirectoryPolicy(), Metrics(CollectorRegistry()), clock=self.time.clock
        )  # fmt: skip
        uploader = Uploader(
            self.liveintent,
            directory,
            Metrics(CollectorRegistry()),
            policy=UploadPolicy(),
            clock=self.time.clock,
        )
        self.replica = Replica(Lane(KEY, LatestState(1_000)), uploader)
        for offset, change in self.waiting.items():
            self.replica.lane.offer(change, offset, now=0.0)

    def take_in(self, change: MembershipChange) -> None:
        self.read += 1
        value = change.identifier.values[0]
        if value not in self.newest or self.newest[value].version < change.version:
            self.newest[value] = change
        self.waiting[self.read] = change
        for offset, _ in self.replica.lane.offer(change, self.read, now=0.0):
            del self.waiting[offset]

    async def flush(self) -> None:
        lane = self.replica.lane
        if not lane.waiting_rows:
            return
        batch = lane.take(now=0.0)
        adds = any(action is Action.ADD for action, _ in batch.files())
        self.added |= adds
        result = await self.time.run(self.replica.uploader.send(batch, on_stored=lambda: None))
        assert result == Finished() or (result == NobodyToRemove() and not adds)
        lane.remember(batch)
        for offset in batch.parts():
            del self.waiting[offset]
        lane.end_flush()

    async def die(self, *, after_seconds: float) -> None:
        lane, uploader = self.replica.lane, self.replica.uploader
        if lane.waiting_rows:
            batch = lane.take(now=0.0)
            self.added |= any(action is Action.ADD for action, _ in batch.files())
            sending = asyncio.ensure_future(uploader.send(batch, on_stored=lambda: None))
            await self.time.run_until(self.time.seconds + after_seconds)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        self.start()

    def members(self) -> set[str]:
        members: set[str] = set()
        for file in self.liveintent.files:
            if file.request.action == "ADD":
                members |= set(file.rows)
            else:
                members -= set(file.rows)
        return members


def change(person: str, action: Action, second: int, number: int) -> MembershipChange:
    version = Version(second * 1_000_000, second * 1_000_000, "events-0", number)
    who = Identifier(IdentifierType.EMAIL_HASH, (person,))
    return MembershipChange(KEY, action, who, version, f"message {number}")


people, actions = st.sampled_from(PEOPLE), st.sampled_from(Action)
lags = st.floats(0, LAG_MAX_SECONDS)


def play(
    steps: list[MembershipChange | Step], lag_seconds: float, *, dies_after_seconds: float = 0.0
) -> World:
    async def scenario() -> World:
        time = VirtualTime()
        world = World(time, FakeLiveIntent(time, search_lag_seconds=lambda: lag_seconds))
        for step in [*steps, Step.FLUSH]:
            match step:
                case Step.FLUSH:
                    await world.flush()
                case Step.DIES:
                    await world.die(after_seconds=dies_after_seconds)
                case Step.MOVES:
                    world.start()
                case MembershipChange():
                    world.take_in(step)
        return world

    return asyncio.run(scenario())


def expect_right(world: World) -> None:
    expected = {person for person, newest in world.newest.items() if newest.action is Action.ADD}
    assert world.members() == expected
    assert not world.waiting
    assert bool(world.liveintent.audiences) <= world.added


@effort(examples=150)
@given(
    story=st.lists(st.one_of(st.tuples(people, actions), st.sampled_from(Step)), max_size=14),
    lag_seconds=lags,
    dies_after_seconds=st.floats(0, 90),
)
def test_removals_create_no_audience_and_lose_nobody_while_partitions_move_and_the_search_lags(
    story: list[tuple[str, Action] | Step], lag_seconds: float, dies_after_seconds: float
) -> None:
    steps = [
        each if isinstance(each, Step) else change(*each, number, number)
        for number, each in enumerate(story)
    ]

    expect_right(play(steps, lag_seconds, dies_after_seconds=dies_after_seconds))


@effort(examples=150)
@given(
    story=st.lists(st.tuples(people, actions, st.booleans()), max_size=10),
    data=st.data(),
    lag_seconds=lags,
)
def test_the_newest_event_wins_though_older_ones_came_after_a_removal_from_nowhere(
    story: list[tuple[str, Action, bool]], data: st.DataObject, lag_seconds: float
) -> None:
    seconds = data.draw(st.permutations(range(len(story))))
    steps: list[MembershipChange | Step] = []
    for number, (person, action, flushes) in enumerate(story):
        steps.append(change(person, action, seconds[number], number))
        if flushes:
            steps.append(Step.FLUSH)

    expect_right(play(steps, lag_seconds))
