"""What the latest-state guard remembers of people who left every audience."""

import pytest

from consumer.audience.latest_state import LatestState
from consumer.audience.membership import (
    Action,
    AudienceKey,
    Identifier,
    IdentifierType,
    MembershipChange,
    Version,
)
from consumer.audience.withdrawal import Withdrawal, WithdrawalCause
from tests.segment_events import hashes_of

ANA = Identifier(IdentifierType.EMAIL_HASH, hashes_of("ana@example.com"))
VIP = AudienceKey("vip")


def withdrawal(at: int = 10, *, who: Identifier = ANA, received: int = 0) -> Withdrawal:
    version = Version(at, received, "events-0", at)
    return Withdrawal(WithdrawalCause.DELETION, (who,), version, f"delete-{at}")


def add(
    at: int, *, who: Identifier = ANA, source: str = "events-0", received: int = 0
) -> MembershipChange:
    version = Version(at, received, source, at)
    return MembershipChange(VIP, Action.ADD, who, version, f"add-{at}")


def hashed(*positions: int) -> Identifier:
    return Identifier(IdentifierType.EMAIL_HASH, tuple(ANA.values[i] for i in positions))


@pytest.mark.parametrize(("at", "is_kept_out"), [(9, True), (10, True), (11, False)])
def test_older_adds_are_kept_out_of_every_audience_and_newer_ones_are_not(
    at: int, is_kept_out: bool
) -> None:
    latest = LatestState(100)
    latest.withdraw(withdrawal())

    assert latest.is_withdrawn(add(at)) is is_kept_out


def test_a_tie_across_partitions_keeps_out() -> None:
    latest = LatestState(100)
    latest.withdraw(withdrawal(10))

    assert latest.is_withdrawn(add(10, source="events-1"))
    assert not latest.is_withdrawn(add(10, source="events-1", received=1))


def test_one_hash_in_common_is_enough() -> None:
    latest = LatestState(100)
    latest.withdraw(withdrawal(who=hashed(1)))

    assert latest.is_withdrawn(add(9))
    assert latest.is_withdrawn(add(9, who=hashed(1, 2)))
    assert not latest.is_withdrawn(add(9, who=hashed(0, 2)))


def test_the_newest_withdrawal_counts_whatever_the_order() -> None:
    latest = LatestState(100)
    for at in (20, 10, 15):
        latest.withdraw(withdrawal(at))

    assert latest.is_withdrawn(add(19))
    assert not latest.is_withdrawn(add(21))


def test_withdrawals_take_half_of_the_memory_at_most_and_the_oldest_is_forgotten_first() -> None:
    latest = LatestState(8)
    people = [Identifier(IdentifierType.AAID, (f"phone-{number}",)) for number in range(6)]
    for who in people:
        latest.withdraw(withdrawal(who=who))
    change = add(30)
    latest.remember(change, change.identifier.values, ("add-30",))

    assert [latest.is_withdrawn(add(9, who=who)) for who in people] == [False] * 2 + [True] * 4
    assert latest.evictions == 2
    assert latest.applied(VIP, ANA.values[0]) is not None
    assert len(latest) == 7
