import random

import pytest

from consumer.kafka.dead_letter_selection import (
    WHY_LEFT,
    LeftBecause,
    RedriveRules,
    Survey,
    Wanted,
    dead_letter_from,
    plan_redrive,
)
from consumer.kafka.redrive_headers import Place
from tests.builders import a_record
from tests.unit.kafka.letters import a_dead_letter, a_dead_letter_record, a_marker

RULES = RedriveRules(topics=("events",), partitions={"events": 4}, max_attempts=3)


def test_a_dead_letter_tells_where_it_is_what_failed_and_how_large_it_is() -> None:
    letter = a_dead_letter(7, at_partition=2, key=None, value=b"12345")

    assert letter.place == Place(2, 7)
    assert (letter.key_bytes, letter.value_bytes) == (None, 5)
    assert letter.failed_at_ms == 1_769_000_000_000
    assert a_dead_letter(value=None).value_bytes is None
    assert a_dead_letter(failed_at_ms=None).failed_at_ms == 0


def test_neither_a_marker_nor_a_record_of_others_is_a_dead_letter() -> None:
    assert dead_letter_from(a_marker(Place(0, 1))) is None
    assert dead_letter_from(a_record(headers=(("own", b"1"),))) is None


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Wanted(), True),
        (Wanted(reasons=frozenset({"audience_refused", "undecodable"})), True),
        (Wanted(reasons=frozenset({"undecodable"})), False),
        (Wanted(audiences=frozenset({"vip_customers"})), True),
        (Wanted(audiences=frozenset({"vip"})), False),
        (Wanted(topics=frozenset({"events"})), True),
        (Wanted(topics=frozenset({"dead"})), False),
        (Wanted(since_ms=1_769_000_000_000), True),
        (Wanted(since_ms=1_769_000_000_001), False),
        (Wanted(until_ms=1_769_000_000_001), True),
        (Wanted(until_ms=1_769_000_000_000), False),
        (Wanted(frozenset({"audience_refused"}), frozenset({"lapsed_buyers"})), False),
    ],
)
def test_a_dead_letter_is_taken_when_it_fits_all_that_is_asked(wanted: Wanted, takes: bool) -> None:
    assert wanted.takes(a_dead_letter()) is takes
    assert wanted.is_everything is (wanted == Wanted())


def test_dead_letters_come_oldest_failure_first_whatever_order_they_are_seen_in() -> None:
    records = [
        a_dead_letter_record(0, failed_at_ms=30),
        a_dead_letter_record(1, failed_at_ms=10),
        a_dead_letter_record(0, at_partition=1, failed_at_ms=10),
        a_dead_letter_record(2, failed_at_ms=20),
    ]
    random.Random(4).shuffle(records)
    survey = Survey(Wanted())
    for record in records:
        survey.see(record)

    assert [letter.place for letter in survey.letters] == [(0, 1), (1, 0), (0, 2), (0, 0)]


def test_a_marked_dead_letter_waits_no_more_and_what_is_not_ours_is_counted_apart() -> None:
    survey = Survey(Wanted())
    for record in (
        a_dead_letter_record(0),
        a_dead_letter_record(1),
        a_marker(Place(0, 1)),
        a_record(5, topic="dead"),
    ):
        survey.see(record)

    assert [letter.place for letter in survey.letters] == [(0, 0), (0, 1)]
    assert [letter.place for letter in survey.waiting] == [(0, 0)]
    assert (survey.is_redriven(Place(0, 0)), survey.is_redriven(Place(0, 1))) == (False, True)
    assert survey.others == 1


def test_dead_letters_alike_share_their_texts() -> None:
    survey = Survey(Wanted())
    for offset in range(2):
        survey.see(a_dead_letter_record(offset, detail="".join(["arch", "ived"])))

    first, second = (letter.failure for letter in survey.letters)
    assert first.detail is second.detail
    assert first.topic is second.topic


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ({"attempt": 2}, None),
        ({"attempt": 3}, LeftBecause.ATTEMPTS_SPENT),
        ({"topic": "other"}, LeftBecause.TOPIC_NOT_READ),
        ({"partition": 3}, None),
        ({"partition": 4}, LeftBecause.PARTITION_GONE),
        ({"partition": -1}, LeftBecause.PARTITION_GONE),
    ],
)
def test_what_cannot_or_may_not_be_put_back_is_left_and_says_why(
    failure: dict[str, object], why: LeftBecause | None
) -> None:
    letter = a_dead_letter(9, **failure)

    plan = plan_redrive([letter], RULES)

    assert (plan.put_back, plan.left) == (((letter,), {}) if why is None else ((), {(0, 9): why}))


def test_a_topic_that_does_not_exist_takes_nothing_back() -> None:
    rules = RedriveRules(topics=("events",), partitions={}, max_attempts=3)

    assert plan_redrive([a_dead_letter(9)], rules).left == {(0, 9): LeftBecause.PARTITION_GONE}


def test_a_limit_counts_what_is_put_back_and_not_what_is_left() -> None:
    letters = [a_dead_letter(0, attempt=3), a_dead_letter(1), a_dead_letter(2), a_dead_letter(3)]
    rules = RedriveRules(("events",), {"events": 4}, max_attempts=3, limit=2)

    plan = plan_redrive(letters, rules)

    assert [letter.place for letter in plan.put_back] == [(0, 1), (0, 2)]
    assert plan.left == {(0, 0): LeftBecause.ATTEMPTS_SPENT}


def test_every_reason_to_leave_one_is_told_in_words() -> None:
    assert set(WHY_LEFT) == set(LeftBecause)
