from hypothesis import given
from hypothesis import strategies as st

from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox.oracle import Oracle
from consumer.sandbox.segment_feed import Disorder, FeedOptions, segment_feed
from consumer.sandbox.segment_intents import (
    ChangeIntent,
    FeedItem,
    Intent,
    Move,
    NoiseIntent,
    UnusableIntent,
)
from consumer.sandbox.segment_people import EMAIL_HASH, IDFA, Contact, rows_of_email

ROWS = rows_of_email("ana@example.com")
ANA = Contact("u_1", "Ana@example.com", None, {EMAIL_HASH: ROWS})
PHONE = Contact("u_2", None, None, {IDFA: frozenset({"A-B"}), EMAIL_HASH: frozenset({"c"})})


def change(
    move: Move,
    at: int,
    *,
    received: int | None = None,
    message_id: str = "",
    contact: Contact = ANA,
    audience: str = "vip",
) -> FeedItem:
    received_ms = at if received is None else received
    name = message_id or f"{move}-{at}-{audience}-{contact.user_id}"
    intent = ChangeIntent(audience, contact, move, at, received_ms, name)
    return item(intent)


def item(intent: Intent) -> FeedItem:
    return FeedItem(b"", {}, intent)


def members(*items: FeedItem) -> dict[str, set[str]]:
    return Oracle.of(items).members().get("vip", {})


def test_who_entered_is_a_member_by_every_hash() -> None:
    assert members(change(Move.ENTER, 1)) == {EMAIL_HASH: set(ROWS)}
    assert {len(row) for row in ROWS} == {32, 40, 64}


def test_the_hashes_are_those_of_the_normal_form() -> None:
    assert (
        frozenset(
            {
                "cdb9d6a1dddc375a09cc83e3001598dc",
                "36324b2c364c48481b618d96a698511b42dc76cf",
                "8e43ca37701228e74983efdbd0cff5c16b3b1e5d4e29a7c05626d4d25a018e11",
            }
        )
        == ROWS
    )


def test_who_left_is_not_a_member() -> None:
    assert members(change(Move.ENTER, 1), change(Move.EXIT, 2)) == {}


@given(st.permutations([change(Move.ENTER, 1), change(Move.EXIT, 2), change(Move.ENTER, 3)]))
def test_the_newest_change_wins_whatever_the_order_of_arrival(items: list[FeedItem]) -> None:
    assert members(*items) == {EMAIL_HASH: set(ROWS)}


def test_of_equal_times_the_later_receipt_wins() -> None:
    assert members(change(Move.EXIT, 1, received=3), change(Move.ENTER, 1, received=2)) == {}


def test_a_repeated_message_is_never_newer_than_itself() -> None:
    again = change(Move.ENTER, 9, message_id="m1")

    oracle = Oracle.of([change(Move.ENTER, 1, message_id="m1"), again, change(Move.EXIT, 5)])

    assert oracle.members() == {"vip": {}}


def test_audiences_and_people_are_apart() -> None:
    oracle = Oracle.of(
        [
            change(Move.ENTER, 1),
            change(Move.EXIT, 2, audience="other"),
            change(Move.EXIT, 3, contact=PHONE),
        ]
    )

    assert oracle.members() == {"vip": {EMAIL_HASH: set(ROWS)}, "other": {}}


def test_a_contact_with_a_phone_and_an_address_is_a_member_by_both() -> None:
    assert members(change(Move.ENTER, 1, contact=PHONE)) == {IDFA: {"A-B"}, EMAIL_HASH: {"c"}}


def test_a_refused_enter_is_no_enter() -> None:
    assert members(change(Move.REFUSED_ENTER, 1)) == {}


def test_a_refused_enter_keeps_out_older_ones_that_come_after_it() -> None:
    assert members(change(Move.REFUSED_ENTER, 2), change(Move.ENTER, 1)) == {}


def test_consent_given_later_lets_the_person_in() -> None:
    refused_then_given = change(Move.REFUSED_ENTER, 2), change(Move.ENTER, 3)

    assert members(*refused_then_given) == {EMAIL_HASH: set(ROWS)}


def test_an_older_refusal_does_not_undo_a_newer_one() -> None:
    refused = change(Move.REFUSED_ENTER, 5), change(Move.REFUSED_ENTER, 2)

    assert members(*refused, change(Move.ENTER, 3)) == {}


def test_a_refused_enter_never_keeps_anybody_in() -> None:
    assert members(change(Move.ENTER, 1), change(Move.REFUSED_ENTER, 3), change(Move.EXIT, 2)) == {}


def test_a_refusal_after_an_enter_is_uncertain_until_something_newer_decides() -> None:
    oracle = Oracle.of([change(Move.ENTER, 1), change(Move.REFUSED_ENTER, 2)])

    assert oracle.uncertain == 1
    oracle.see(change(Move.EXIT, 3))
    assert oracle.uncertain == 0


def test_listed_audiences_are_there_without_members() -> None:
    assert Oracle(["vip"]).members() == {"vip": {}}


def test_outcomes_that_no_timing_changes_are_counted_exactly() -> None:
    outcomes = Oracle.of(
        [
            item(NoiseIntent(IgnoreReason.NOT_AN_AUDIENCE)),
            item(NoiseIntent(IgnoreReason.NOT_AN_AUDIENCE)),
            item(UnusableIntent(RejectReason.UNDECODABLE)),
            change(Move.REFUSED_ENTER, 1),
            change(Move.ENTER, 1),
        ]
    ).outcomes()

    assert outcomes.records == 5
    assert outcomes.ignored == {IgnoreReason.NOT_AN_AUDIENCE: 2, IgnoreReason.NO_CONSENT: 1}
    assert outcomes.dead_lettered == {RejectReason.UNDECODABLE: 1}
    assert outcomes.changes == 1


def test_the_newest_change_of_each_member_must_be_delivered() -> None:
    outcomes = Oracle.of(
        [
            change(Move.ENTER, 1),
            change(Move.EXIT, 2),
            change(Move.EXIT, 2, received=9, message_id="exit-2-vip-u_1"),
            change(Move.ENTER, 1, contact=PHONE),
            change(Move.REFUSED_ENTER, 1, audience="other"),
        ]
    ).outcomes()

    assert (outcomes.changes, outcomes.delivered_at_least) == (4, 2)


@given(seed=st.integers(0, 10_000), disorder=st.sampled_from(Disorder))
def test_a_generated_feed_never_leaves_the_end_to_timing(seed: int, disorder: Disorder) -> None:
    options = FeedOptions(seed=seed, events=300, people=10, disorder=disorder)

    assert Oracle.of(segment_feed(options)).uncertain == 0


@given(st.integers(0, 10_000))
def test_without_disorder_reading_again_from_anywhere_ends_the_same(seed: int) -> None:
    options = FeedOptions(seed=seed, events=300, people=10, disorder=Disorder.NONE)
    items = list(segment_feed(options))

    assert last_arrival_wins(items + items[100:]) == Oracle.of(items).members()


def test_a_consumer_that_lets_the_last_arrival_win_is_found_out() -> None:
    items = list(segment_feed(FeedOptions(events=3_000, people=200)))

    assert last_arrival_wins(items) != Oracle.of(items).members()


def last_arrival_wins(items: list[FeedItem]) -> dict[str, dict[str, set[str]]]:
    held: dict[str, dict[str, set[str]]] = {}
    for each in items:
        match each.intent:
            case ChangeIntent(audience=audience, contact=contact, move=move):
                of_audience = held.setdefault(audience, {})
                for kind, rows in contact.members.items():
                    if move is Move.ENTER:
                        of_audience.setdefault(kind, set()).update(rows)
                    elif move is Move.EXIT:
                        of_audience.setdefault(kind, set()).difference_update(rows)
            case _:
                pass
    return {
        audience: {kind: rows for kind, rows in of_audience.items() if rows}
        for audience, of_audience in held.items()
    }
