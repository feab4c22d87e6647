import json

import pytest

from consumer.cli.dead_letters_options import moment
from consumer.cli.dead_letters_report import RedriveReport
from consumer.cli.dead_letters_view import as_fields, as_time, breakdown, printable, short_time
from consumer.errors import CheckFailed, KafkaFatal
from consumer.kafka.dead_letter_selection import LeftBecause
from consumer.kafka.redriving import RedriveResult, Settled
from tests.unit.kafka.letters import a_dead_letter

LETTER = a_dead_letter(7)


def test_times_are_told_in_utc_and_impossible_ones_not_at_all() -> None:
    assert as_time(1_768_000_000_123) == "2026-01-09T23:06:40.123Z"
    assert short_time(1_768_000_000_123) == "2026-01-09 23:06:40Z"
    assert as_time(None) is None
    assert as_time(2**62) is None
    assert short_time(2**62) == ""


def test_a_detail_that_quotes_a_person_is_masked_all_the_same() -> None:
    letter = a_dead_letter(detail="ana.ruiz@example.com is archived")

    assert as_fields(letter, redriven=False)["detail"] == "[redacted] is archived"


def test_what_a_header_says_cannot_move_the_cursor() -> None:
    assert printable("a\x1b[2Jb\n") == "a?[2Jb?"


def test_dead_letters_are_counted_by_reason_the_most_frequent_first() -> None:
    letters = [a_dead_letter(1, reason="undecodable"), a_dead_letter(2), a_dead_letter(3)]

    assert breakdown(letters) == "2 audience_refused, 1 undecodable"


def test_a_time_keeps_its_zone() -> None:
    assert moment("2026-01-31T08:00:00+02:00").isoformat() == "2026-01-31T08:00:00+02:00"


def test_each_dead_letter_is_a_line_and_the_sum_is_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RedriveReport(as_json=True) as report:
        report.note(Settled(LETTER, RedriveResult.PUT_BACK))
        report.note(Settled(a_dead_letter(8), RedriveResult.ALREADY_PUT_BACK))
    said = capsys.readouterr()

    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [(each["offset"], each["result"], each["redriven"]) for each in lines] == [
        (7, "put_back", True),
        (8, "already_put_back", True),
    ]
    assert said.err.splitlines() == [
        "1 put back: 1 audience_refused.",
        "1 put back by somebody else meanwhile: 1 audience_refused.",
    ]


def test_what_was_left_ends_in_an_error_with_the_reasons(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = Settled(
        LETTER, RedriveResult.LEFT, LeftBecause.REFUSED_BY_KAFKA, "MSG_SIZE_TOO_LARGE"
    )

    with (
        pytest.raises(CheckFailed, match=r"^1 of the dead letters asked for were left\.$"),
        RedriveReport(as_json=False) as report,
    ):
        report.note(refused)
    said = capsys.readouterr().err

    assert "1 left, refused_by_kafka: Kafka does not take it" in said
    assert "(MSG_SIZE_TOO_LARGE)" in said


def test_what_was_done_before_an_error_is_told_and_the_error_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KafkaFatal):
        _put_one_back_and_fail()

    assert "1 put back: 1 audience_refused." in capsys.readouterr().err


def _put_one_back_and_fail() -> None:
    with RedriveReport(as_json=True) as report:
        report.note(Settled(LETTER, RedriveResult.PUT_BACK))
        report.note(Settled(a_dead_letter(8), RedriveResult.LEFT, LeftBecause.ATTEMPTS_SPENT))
        raise KafkaFatal
