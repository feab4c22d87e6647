"""Directories of several replicas against the plainest LiveIntent there is: all rows, and who was shown which of them."""

import asyncio
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from prometheus_client import CollectorRegistry

from consumer.audience.membership import AudienceKey
from consumer.choices import AudienceLookup, OnArchived, OnDeleted
from consumer.liveintent.audience_directory import AudienceDirectory, AudienceRefused
from consumer.liveintent.policies import Account, DirectoryPolicy
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.properties.directory_world import (
    ACTIVE,
    ARCHIVED,
    CREATE_FAULTS,
    DELETED,
    KEY,
    Line,
    Memory,
    World,
    usable,
)
from tests.properties.effort import effort
from tests.unit.liveintent.fake_liveintent import ACCOUNT
from tests.unit.liveintent.virtual_time import VirtualTime

NAMES = [AudienceKey("spring_buyers"), AudienceKey("vip")]
STRANGERS = [Account(7002, 84), Account(7001, 101)]
LAGS = [0.0, 3.0, 30.0, 100.0, 500.0, 2000.0]
LAG_MAX = max(LAGS)
SEARCH_CALLS = 4
"""Pages of one search, at most, with the odd look by id."""

Resolved = AudienceId | AudienceRefused

REPLICAS = st.integers(0, 2)
KEYS = st.sampled_from(NAMES)
SECONDS = st.sampled_from([0.0, 0.5, 4.0, 30.0, 80.0, 300.0, 700.0, 4000.0])
SPELLINGS = st.sampled_from([str, str, str.upper])
STATUSES = st.sampled_from([ACTIVE, ACTIVE, ARCHIVED, DELETED, "Building"])
ACCOUNTS = st.sampled_from([ACCOUNT, ACCOUNT, *STRANGERS])
DELAYS = st.lists(st.sampled_from([0.0, 0.1, 1.0, 7.0]), min_size=1, max_size=5)
POLICIES = st.builds(
    DirectoryPolicy,
    auto_create=st.sampled_from([True, True, True, False]),
    on_archived=st.sampled_from(OnArchived),
    on_deleted=st.sampled_from(OnDeleted),
    audience_lookup=st.sampled_from(AudienceLookup),
)


class Replica:
    def __init__(self, world: World, policy: DirectoryPolicy, delays: list[float]) -> None:
        self.world = world
        self.policy = policy
        self.line = Line(world, policy, delays)
        self.asking: dict[AudienceKey, asyncio.Task[Resolved]] = {}
        self.last: dict[AudienceKey, Resolved] = {}
        self.restart()

    def restart(self) -> None:
        for task in self.asking.values():
            task.cancel()
        self.asking.clear()
        self.last.clear()
        self.line.forget_everything()
        self.metrics = Metrics(CollectorRegistry())
        self.directory = AudienceDirectory(
            self.line, ACCOUNT, self.policy, self.metrics, clock=self.world.time.clock
        )

    async def resolve(self, key: AudienceKey) -> Resolved:
        KEY.set(key)
        return await self.directory.resolve(key)

    @property
    def conflicts(self) -> float:
        name = f"{PREFIX}_audience_name_conflicts"
        return self.metrics.registry.get_sample_value(name) or 0.0


class Directories(RuleBasedStateMachine):
    """Replicas that meet the same new names, and people at LiveIntent's UI who change what they rely on."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.time = VirtualTime()
        self.world = World(self.time)
        self.policy = DirectoryPolicy()
        self.slowest = 0.0
        self.replicas: list[Replica] = []

    @initialize(count=st.integers(2, 3), policy=POLICIES, delays=DELAYS)
    def start(self, count: int, policy: DirectoryPolicy, delays: list[float]) -> None:
        self.policy = policy
        self.slowest = max(delays)
        self.replicas = [Replica(self.world, policy, delays) for _ in range(count)]

    def replica(self, number: int) -> Replica:
        return self.replicas[number % len(self.replicas)]

    # What we do

    @rule(
        numbers=st.sets(REPLICAS, min_size=1),
        key=KEYS,
        faults=st.lists(st.sampled_from(CREATE_FAULTS), max_size=3),
        lags=st.lists(st.sampled_from(LAGS), max_size=3),
        seconds=SECONDS,
    )
    def a_batch_needs_its_audience(
        self,
        numbers: set[int],
        key: AudienceKey,
        faults: list[str],
        lags: list[float],
        seconds: float,
    ) -> None:
        self.world.lags.extend(lags)
        for number in sorted(numbers):
            replica = self.replica(number)
            replica.line.create_faults.extend(faults)
            self.ask(replica, key)
        self.wait(seconds)

    @rule(key=KEYS, status=STATUSES, later=st.sampled_from([0.0, 700.0, 4000.0]))
    def one_is_needed_that_somebody_has_changed(
        self, key: AudienceKey, status: str, later: float
    ) -> None:
        named = self.world.named(key)
        if named:
            self.world.change(named[0].id, status=status)
        else:
            self.world.add(key, status=status)
        self.wait(later)
        self.ask(self.replica(0), key)
        self.ask(self.replica(1), key)
        self.wait(30.0)

    @rule(key=KEYS, spelling=SPELLINGS, account=ACCOUNTS)
    def one_is_needed_like_which_there_is_another(
        self, key: AudienceKey, spelling: type[str], account: Account
    ) -> None:
        self.world.add(spelling(key), account=account)
        self.ask(self.replica(0), key)
        self.wait(30.0)

    @rule(key=KEYS, later=st.sampled_from([0.0, 700.0, 4000.0]))
    def one_is_needed_again_that_was_renamed(self, key: AudienceKey, later: float) -> None:
        self.ask(self.replica(0), key)
        self.wait(30.0)
        for row in self.world.named(key):
            self.rename(row.id, "renamed")
        self.wait(later)
        self.ask(self.replica(0), key)
        self.wait(30.0)

    @rule(number=REPLICAS, key=KEYS, fault=st.sampled_from(CREATE_FAULTS), seconds=SECONDS)
    def no_search_tells_what_became_of_a_create(
        self, number: int, key: AudienceKey, fault: str, seconds: float
    ) -> None:
        replica = self.replica(number)
        replica.line.create_faults.append(fault)
        self.ask(replica, key)
        self.wait(2.0)
        self.world.search_refused_until = self.time.seconds + seconds
        self.wait(80.0)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.wait(seconds)

    @rule(number=REPLICAS, key=KEYS)
    def an_upload_finds_the_audience_gone(self, number: int, key: AudienceKey) -> None:
        replica = self.replica(number)
        replica.directory.forget(key)
        if key not in replica.asking and (memory := replica.line.memory.get(key)) is not None:
            memory.must_look_after = self.time.seconds
            memory.created.pop(memory.used or AudienceId(0), None)  # gone, for all it knows

    @rule(number=REPLICAS, key=KEYS, seconds=SECONDS)
    def a_batch_is_cancelled(self, number: int, key: AudienceKey, seconds: float) -> None:
        task = self.replica(number).asking.pop(key, None)
        if task is not None:
            task.cancel()
            self.wait(seconds)

    @rule(number=REPLICAS)
    def a_replica_restarts(self, number: int) -> None:
        self.replica(number).restart()
        self.wait(0.0)

    # What others do, and LiveIntent

    @rule(
        key=KEYS, spelling=SPELLINGS, status=STATUSES, account=ACCOUNTS, lag=st.sampled_from(LAGS)
    )
    def somebody_creates_an_audience(
        self, key: AudienceKey, spelling: type[str], status: str, account: Account, lag: float
    ) -> None:
        self.world.lags.appendleft(lag)
        self.world.add(spelling(key), status=status, account=account)

    @rule(data=st.data(), status=STATUSES, seconds=SECONDS)
    def somebody_changes_an_audience(
        self, data: st.DataObject, status: str, seconds: float
    ) -> None:
        if self.world.rows:
            self.world.change(data.draw(st.sampled_from(sorted(self.world.rows))), status=status)
            self.wait(seconds)

    @rule(data=st.data(), name=st.sampled_from([*NAMES, "Vip", "renamed"]))
    def somebody_renames_an_audience(self, data: st.DataObject, name: str) -> None:
        if self.world.rows:
            self.rename(data.draw(st.sampled_from(sorted(self.world.rows))), name)

    def rename(self, audience: AudienceId, name: str) -> None:
        self.world.rows[audience] = replace(self.world.rows[audience], name=name)

    @rule(data=st.data())
    def an_audience_vanishes(self, data: st.DataObject) -> None:
        if self.world.rows:
            del self.world.rows[data.draw(st.sampled_from(sorted(self.world.rows)))]

    @rule(seconds=SECONDS)
    def every_search_is_refused_for_a_while(self, seconds: float) -> None:
        self.world.search_refused_until = self.time.seconds + seconds

    @rule(seconds=SECONDS)
    def searches_by_name_are_refused_for_a_while(self, seconds: float) -> None:
        self.world.names_refused_until = self.time.seconds + seconds

    @rule(number=REPLICAS)
    def the_next_activation_is_refused(self, number: int) -> None:
        self.replica(number).line.activations_refused += 1

    # What must hold

    @invariant()
    def nothing_forbidden_happened(self) -> None:
        assert not self.world.breaches, self.world.breaches

    def ask(self, replica: Replica, key: AudienceKey) -> None:
        if key not in replica.asking:
            replica.asking[key] = self.loop.create_task(replica.resolve(key))

    def wait(self, seconds: float) -> None:
        """Let time pass, but judge what is resolved at the moment it is."""
        end = self.time.seconds + seconds
        self.loop.run_until_complete(self.time.settle())
        self.gather()
        while self.time.next_wake <= end:
            self.loop.run_until_complete(self.time.run_until(self.time.next_wake))
            self.gather()
        self.loop.run_until_complete(self.time.run_until(end))

    def gather(self) -> None:
        for replica in self.replicas:
            for key, task in list(replica.asking.items()):
                if task.done():
                    del replica.asking[key]
                    replica.last[key] = task.result()
                    self.judge(replica, key, task.result())

    def judge(self, replica: Replica, key: AudienceKey, resolved: Resolved) -> None:
        replica.line.of(key).used = None if isinstance(resolved, AudienceRefused) else resolved
        if isinstance(resolved, AudienceRefused):
            self.expect_a_reason(replica, key, resolved.detail)
        else:
            self.expect_to_be_usable(replica, key, resolved)
        if not replica.asking:
            memories = replica.line.memory.values()
            listed = sum(len(usable(seen(memory))) > 1 for memory in memories)
            known = sum(len(usable(seen(memory) + memory.unlisted)) > 1 for memory in memories)
            assert listed <= replica.conflicts <= known

    def expect_to_be_usable(self, replica: Replica, key: AudienceKey, used: AudienceId) -> None:
        memory = replica.line.of(key)
        shown_at, row = replica.line.shown[key, used]
        assert used in memory.proper, "another's, or spelled otherwise"
        assert row is not None, "gone"
        assert row.status not in {ARCHIVED, DELETED}, "archived or deleted"
        # A new audience counts as looked at while no search shows it yet; every search has pages, and each its time.
        settling = sum(
            each + SEARCH_CALLS * self.slowest for each in (0.0, *self.policy.settle_waits_seconds)
        )
        fresh_seconds = self.policy.recheck_seconds + settling
        assert self.time.seconds - shown_at < fresh_seconds, "not looked at for long"
        assert shown_at >= memory.must_look_after, "not looked up anew"
        if found := usable(seen(memory)):
            earliest = [found[0].id, usable([*found, *memory.unlisted])[0].id]
            assert used in earliest, "not the earliest"

    def expect_a_reason(self, replica: Replica, key: AudienceKey, detail: str) -> None:
        look = replica.line.of(key).looks[-1]
        assert look.rows is not None, "refused for an outage"
        assert not usable(look.rows), "refused although there is one"
        statuses = {row.status for row in look.rows}
        if ARCHIVED in statuses:
            fails = self.policy.on_archived is OnArchived.FAIL
            assert ("archived" if fails else "does not activate") in detail
        elif statuses and self.policy.on_deleted is OnDeleted.FAIL:
            assert "deleted" in detail
        else:
            assert ("does not create" if self.policy.auto_create else "has no audience") in detail

    # How it ends

    def teardown(self) -> None:
        try:
            if self.replicas:
                self.all_is_calm()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(self.time.settle())
            self.loop.close()

    def all_is_calm(self) -> None:
        """Without further faults and meddling all replicas use one audience, and it is the right one."""
        self.world.search_refused_until = self.world.names_refused_until = -1.0
        self.world.lags.clear()
        for replica in self.replicas:
            replica.line.create_faults.clear()
            replica.line.activations_refused = 0
        self.wait(LAG_MAX + 3 * self.policy.park_max_seconds)
        for _ in range(2):
            self.everybody_asks()
            self.wait(self.policy.young_seconds + self.policy.recheck_seconds)
        before = len(self.world.rows)
        self.everybody_asks()
        assert len(self.world.rows) == before
        for key in NAMES:
            self.expect_agreement(key)

    def everybody_asks(self) -> None:
        for replica in self.replicas:
            for key in NAMES:
                self.ask(replica, key)
        self.wait(self.policy.park_seconds)
        assert not any(replica.asking for replica in self.replicas)

    def expect_agreement(self, key: AudienceKey) -> None:
        used = [replica.last[key] for replica in self.replicas]
        if found := usable(self.world.named(key)):
            assert used == [found[0].id] * len(used)
        else:
            # Who knows one that was renamed goes on with it; nobody else may use, or find, any.
            rows = [self.world.rows[each] for each in used if not isinstance(each, AudienceRefused)]
            assert all(row.name != key and usable([row]) for row in rows)


def seen(memory: Memory) -> list[AudienceRow]:
    look = memory.last_look
    return [] if look is None else look.rows or []


def test_replicas_end_with_the_same_audience_and_create_no_other() -> None:
    run_state_machine_as_test(Directories, settings=effort(examples=150, steps=25))
