from dataclasses import replace

from consumer.cli.demo_verdict import Difference, Evidence, differences_between, verdict_on
from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox.oracle import ExpectedOutcomes, Members
from consumer.telemetry.books import BooksSnapshot

MEMBERS: Members = {"vip": {"EMAIL_HASH": {"a", "b"}, "IDFA": {"C"}}, "empty": {}}
OUTCOMES = ExpectedOutcomes(
    records=10,
    changes=6,
    delivered_at_least=3,
    ignored={IgnoreReason.NOT_AN_AUDIENCE: 3},
    dead_lettered={RejectReason.UNDECODABLE: 1},
)
BOOKS = BooksSnapshot(
    consumed=10,
    delivered=4,
    ignored={"not_an_audience": 3, "duplicate": 1, "stale": 1},
    dead_lettered={"undecodable": 1},
)
EVIDENCE = Evidence(produced=10, books=BOOKS, uncommitted=0, members=MEMBERS)


def wrong(evidence: Evidence) -> dict[str, str]:
    findings = verdict_on(evidence, OUTCOMES, MEMBERS).findings
    return {each.sentence: each.detail for each in findings if not each.ok}


def with_books(**counts: object) -> Evidence:
    return replace(EVIDENCE, books=replace(BOOKS, **counts))  # type: ignore[arg-type]


def test_a_run_in_which_everything_agrees_is_right() -> None:
    verdict = verdict_on(EVIDENCE, OUTCOMES, MEMBERS)

    assert verdict.ok
    assert [each.detail for each in verdict.findings] == [
        "10 produced, 10 read, 0 pending",
        "10 = 4 + 5 + 1 + 0",
        "",
        "",
        "3 identifiers in 2 audiences",
        "",
    ]


def test_an_audience_nobody_is_in_need_not_exist() -> None:
    assert wrong(replace(EVIDENCE, members={"vip": MEMBERS["vip"]})) == {}


def test_members_that_differ_are_counted_and_not_named() -> None:
    members = {"vip": {"EMAIL_HASH": {"a", "x", "y"}}, "other": {"AAID": {"z"}}}

    verdict = verdict_on(replace(EVIDENCE, members=members), OUTCOMES, MEMBERS)

    assert not verdict.ok
    assert verdict.differences == (
        Difference("other", "AAID", missing=0, extra=1),
        Difference("vip", "EMAIL_HASH", missing=1, extra=2),
        Difference("vip", "IDFA", missing=1, extra=0),
    )
    assert wrong(replace(EVIDENCE, members=members)) == {
        "LiveIntent's members equal the oracle": "other AAID: 0 missing, 1 extra; "
        "vip EMAIL_HASH: 1 missing, 2 extra; vip IDFA: 1 missing, 0 extra"
    }


def test_equal_members_do_not_differ() -> None:
    assert differences_between(MEMBERS, MEMBERS) == ()


def test_a_record_that_was_not_read_is_found() -> None:
    assert wrong(replace(EVIDENCE, produced=11)) == {
        "Everything produced was read and finished": "11 produced, 10 read, 0 pending"
    }


def test_a_pending_record_is_found() -> None:
    problems = wrong(with_books(delivered=3, pending=1))

    assert problems["Everything produced was read and finished"] == (
        "10 produced, 10 read, 1 pending"
    )


def test_records_given_up_and_read_again_count_once() -> None:
    assert wrong(with_books(consumed=12, released=2)) == {}


def test_books_that_do_not_balance_are_found() -> None:
    problems = wrong(with_books(consumed=12, released=1))

    assert (
        problems["Books balance: consumed = delivered + ignored + dead-lettered + pending"]
        == "12 = 4 + 5 + 1 + 0 + 1 released"
    )


def test_another_reason_than_the_feed_meant_is_found() -> None:
    ignored = {"not_an_audience": 2, "no_consent": 1, "duplicate": 2}

    assert wrong(with_books(ignored=ignored)) == {
        "Every record ended as the feed meant it": "no_consent: 0 expected, 1 found; "
        "not_an_audience: 3 expected, 2 found"
    }


def test_how_changes_share_between_delivered_duplicate_and_stale_is_left_to_timing() -> None:
    ignored = {"not_an_audience": 3, "duplicate": 3}

    assert wrong(with_books(delivered=3, ignored=ignored)) == {}


def test_fewer_deliveries_than_members_need_are_found() -> None:
    ignored = {"not_an_audience": 3, "stale": 4}

    assert wrong(with_books(delivered=2, ignored=ignored)) == {
        "Every record ended as the feed meant it": "delivered: at least 3 expected, 2 found"
    }


def test_offsets_that_are_not_committed_are_found() -> None:
    assert wrong(replace(EVIDENCE, uncommitted=1_200)) == {"Every offset is committed": "1,200 not"}


def test_a_breach_of_liveintents_contract_is_found() -> None:
    breaches = ("raw_email", "empty_file", "raw_email")

    assert wrong(replace(EVIDENCE, breaches=breaches)) == {
        "LiveIntent's contract was kept": "empty_file, raw_email"
    }
