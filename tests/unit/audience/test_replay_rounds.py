from consumer.audience.membership import (
    Action,
    AudienceKey,
    Identifier,
    IdentifierType,
    MembershipChange,
    Version,
)
from consumer.audience.replay_rounds import ReplayRounds


def a_change(*values: str, audience: str = "vip", action: Action = Action.ADD) -> MembershipChange:
    who = Identifier(IdentifierType.EMAIL_HASH, values)
    return MembershipChange(AudienceKey(audience), action, who, Version(1, 1, "events-0", 1), "m")


def test_the_first_round_sends_everything() -> None:
    rounds = ReplayRounds()

    assert rounds.admits(a_change("a"))
    assert rounds.has_sent


def test_a_later_round_sends_only_members_of_the_round_before() -> None:
    rounds = ReplayRounds()
    rounds.admits(a_change("a", "b"))
    rounds.admits(a_change("c"))
    rounds.next_round()

    admitted = [
        rounds.admits(a_change("b", action=Action.REMOVE)),
        rounds.admits(a_change("d")),
        rounds.admits(a_change("b", audience="lapsed")),
    ]
    rounds.next_round()

    assert admitted == [True, False, False]
    assert rounds.admits(a_change("b"))
    assert not rounds.admits(a_change("c"))


def test_a_round_without_anything_to_send_is_the_last() -> None:
    rounds = ReplayRounds()
    rounds.admits(a_change("a"))
    rounds.next_round()
    rounds.admits(a_change("b"))

    assert not rounds.has_sent


def test_too_many_members_to_remember_are_everyone() -> None:
    rounds = ReplayRounds(capacity=2)
    for value in "abcd":
        rounds.admits(a_change(value))
    rounds.next_round()

    assert rounds.admits(a_change("somebody else"))


def test_what_an_earlier_process_sent_may_be_anyone() -> None:
    rounds = ReplayRounds(resumed=True)

    assert rounds.has_sent
    rounds.next_round()
    assert rounds.admits(a_change("anyone"))
