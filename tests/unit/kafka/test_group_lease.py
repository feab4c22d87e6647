import asyncio
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.group_lease import Claim, GroupLease, LeaseRenewal, lease_seconds
from consumer.kafka.offset_ledger import CommitOffset

SESSION_SECONDS = 10.0
ANCHOR = CommitOffset("events", 0, 7, None)


def test_nothing_is_ours_to_send_before_the_group_has_confirmed_it() -> None:
    assert not GroupLease(SESSION_SECONDS).holds(0.0)


def test_the_lease_runs_from_when_the_coordinator_was_asked_not_from_when_it_answered() -> None:
    lease = GroupLease(SESSION_SECONDS)

    lease.confirm(lease.claim(100.0))

    assert lease.holds(109.9)
    assert not lease.holds(110.0)


def test_an_answer_to_an_older_question_does_not_shorten_the_lease() -> None:
    lease = GroupLease(SESSION_SECONDS)
    old, new = lease.claim(100.0), lease.claim(105.0)

    lease.confirm(new)
    lease.confirm(old)

    assert lease.holds(114.0)


def test_the_lease_ends_with_the_first_partition_that_leaves() -> None:
    lease = GroupLease(SESSION_SECONDS)
    lease.confirm(lease.claim(100.0))

    lease.end()

    assert not lease.holds(100.0)


def test_a_question_from_before_a_partition_left_proves_nothing_after() -> None:
    lease = GroupLease(SESSION_SECONDS)
    claim = lease.claim(100.0)
    lease.end()

    lease.confirm(claim)

    assert not lease.holds(100.1)


def test_the_lease_is_as_long_as_the_session_and_of_a_known_length_where_the_broker_decides() -> (
    None
):
    assert lease_seconds({"session.timeout.ms": "6000"}) == 6.0
    assert lease_seconds({"group.protocol": "consumer"}) == 15.0


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["ask", "answer", "wait", "heartbeat"]), st.floats(0.1, 15.0)),
        max_size=40,
    )
)
def test_the_lease_never_outlasts_what_the_coordinator_would_wait(
    steps: list[tuple[str, float]],
) -> None:
    """The coordinator gives a member up one session after it last heard of it, and then refuses its commits."""
    lease, now, heard, claims = GroupLease(SESSION_SECONDS), 0.0, 0.0, list[tuple[Claim, bool]]()
    for step, seconds in steps:
        member = now < heard + SESSION_SECONDS
        if step == "ask":
            claims.append((lease.claim(now), member))
            heard = now if member else heard
        elif step == "heartbeat":
            heard = now if member else heard
        elif step == "answer" and claims:
            claim, taken = claims.pop(0)
            if taken:
                lease.confirm(claim)
        else:
            now += seconds
        if lease.holds(now):
            assert now < heard + SESSION_SECONDS


class Broker:
    """Answers commits when told to."""

    def __init__(self, lease: GroupLease) -> None:
        self.lease = lease
        self.time = 0.0
        self.asked: list[Sequence[CommitOffset]] = []
        self.waiting: list[tuple[Claim, Callable[[Exception | None], None]]] = []

    def commit(
        self, offsets: Sequence[CommitOffset], done: Callable[[Exception | None], None]
    ) -> None:
        self.asked.append(offsets)
        self.waiting.append((self.lease.claim(self.time), done))

    def answer(self, error: Exception | None = None) -> None:
        claim, done = self.waiting.pop(0)
        if error is None:
            self.lease.confirm(claim)
        done(error)


def renewal_with(broker: Broker, anchor: CommitOffset | None = ANCHOR) -> LeaseRenewal:
    return LeaseRenewal(
        broker.lease, commit=broker.commit, anchor=lambda: anchor, now=lambda: broker.time
    )


async def test_all_who_wait_for_the_lease_ask_kafka_once() -> None:
    broker = Broker(GroupLease(SESSION_SECONDS))
    renewal = renewal_with(broker)
    waiting = [asyncio.create_task(renewal.renew()) for _ in range(3)]
    await asyncio.sleep(0)

    broker.answer()

    assert await asyncio.gather(*waiting) == [True, True, True]
    assert broker.asked == [[ANCHOR]]
    assert renewal.holds()


async def test_a_lease_that_is_fresh_asks_nobody_and_one_half_over_is_used_while_it_is_renewed() -> (
    None
):
    broker = Broker(GroupLease(SESSION_SECONDS))
    broker.lease.confirm(broker.lease.claim(0.0))
    renewal = renewal_with(broker)

    assert await renewal.renew()
    assert broker.asked == []

    broker.time = SESSION_SECONDS / 2
    assert await renewal.renew()
    assert await renewal.renew()
    assert broker.asked == [[ANCHOR]]

    broker.answer()
    assert broker.lease.holds(SESSION_SECONDS * 1.4)


async def test_a_refused_commit_leaves_the_lease_as_it_was_and_may_be_asked_again() -> None:
    broker = Broker(GroupLease(SESSION_SECONDS))
    renewal = renewal_with(broker)
    waiting = asyncio.create_task(renewal.renew())
    await asyncio.sleep(0)
    broker.answer(RuntimeError("UNKNOWN_MEMBER_ID"))
    assert not await waiting

    again = asyncio.create_task(renewal.renew())
    await asyncio.sleep(0)
    broker.answer()

    assert await again


async def test_a_waiter_that_is_cancelled_does_not_take_the_others_answer_with_it() -> None:
    broker = Broker(GroupLease(SESSION_SECONDS))
    renewal = renewal_with(broker)
    gone, waiting = (asyncio.create_task(renewal.renew()) for _ in range(2))
    await asyncio.sleep(0)

    gone.cancel()
    await asyncio.sleep(0)
    broker.answer()

    assert await waiting
    assert gone.cancelled()


async def test_who_holds_nothing_has_nothing_to_ask_with() -> None:
    broker = Broker(GroupLease(SESSION_SECONDS))

    assert not await renewal_with(broker, anchor=None).renew()

    assert broker.asked == []
