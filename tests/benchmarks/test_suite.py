"""The suite itself, with so few events that its numbers mean nothing."""

from pathlib import Path

import orjson
import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.feeds import arrivals, audience_feed, email_of
from tests.benchmarks.stand_ins import digest_of_members


@pytest.mark.timeout(240)
def test_a_small_run_gives_right_results_and_says_so_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"

    code = main(["--only", "b,c", "--events", "400", "--runs", "1", "--json", str(file)])

    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "(c) service, audiences" in printed
    rows = orjson.loads(file.read_bytes())["rows"]
    assert rows["c"]["events"] == 400
    assert rows["c"]["wrong"] == []
    assert rows["c"]["cpu_seconds_per_million"]["median"] > 0
    assert rows["c"]["first_stored_seconds"] > 0


def test_a_feed_knows_what_must_come_of_it() -> None:
    feed = audience_feed(300, noise_share=0.9)

    assert len(feed.records) == 300
    assert feed.changes + sum(feed.ignored.values()) == 300
    assert 15 <= feed.changes <= 80


def test_arrivals_are_people_of_their_own_in_events_of_the_same_length() -> None:
    records = list(arrivals(range(500), audiences=("one", "two"), padding_bytes=100))

    assert len({record.key for record in records}) == 500
    assert all(email_of(i).encode() in records[i].value for i in range(500))
    assert len({len(record.value) for record in records}) == 1


def test_audiences_are_the_same_only_when_their_members_are() -> None:
    digest = digest_of_members({"EMAIL_HASH": {"a", "b"}, "IDFA": set()})

    assert digest == digest_of_members({"EMAIL_HASH": {"b", "a"}})
    assert digest != digest_of_members({"EMAIL_HASH": {"b", "c"}})
    assert digest != digest_of_members({"AAID": {"a", "b"}})
