"""The pure parts of the comparison: the work all peers share, the verdict on it, the table."""

import json

import pytest

from consumer.sandbox.segment_encoders import segment_event_schema
from tests.benchmarks.peers.catalogue import PEERS, Work
from tests.benchmarks.peers.environments import pinned_versions
from tests.benchmarks.peers.feed import peers_feed
from tests.benchmarks.peers.programs.job import ADD, Change, Decoder, folded
from tests.benchmarks.peers.report import as_markdown, as_text, document
from tests.benchmarks.peers.run import Measured
from tests.benchmarks.peers.verdict import Ended, Scenario, difference, judgement, sent_again

QUIET = Ended(missing=0, extra=0, expected=100, sent=150, asked=200)
KILLED = Ended(missing=3, extra=1, expected=50, sent=90, asked=100, restarts=2)


@pytest.mark.parametrize("batch_records", [1, 250])
def test_the_work_the_peers_share_ends_right_on_a_whole_feed_however_it_is_batched(
    batch_records: int,
) -> None:
    feed = peers_feed(1_500)
    decoder = Decoder(lambda _: json.dumps(segment_event_schema()))
    changes = [decoder.change_in(record.value) for record in feed.records]
    found: dict[str, dict[str, set[str]]] = {}
    for first in range(0, len(changes), batch_records):
        batch = changes[first : first + batch_records]
        for file in folded(change for change in batch if change is not None):
            rows = found.setdefault(file.audience, {}).setdefault(file.identifier_type, set())
            (rows.update if file.action == ADD else rows.difference_update)(file.rows)

    missing, extra, expected = difference(found, feed.members)

    assert (missing, extra) == (0, 0)
    assert expected > 500


def test_of_several_changes_of_one_member_a_batch_carries_the_last() -> None:
    def change(action: str) -> Change:
        return Change("vip", action, {"AAID": ("a",), "EMAIL_HASH": ("b", "c")})

    files = list(folded([change("ADD"), change("REMOVE"), change("ADD")]))

    assert [(file.action, file.identifier_type, file.rows) for file in files] == [
        ("ADD", "AAID", ("a",)),
        ("ADD", "EMAIL_HASH", ("b", "c")),
    ]


def test_rows_that_are_missing_and_rows_too_many_are_told_apart() -> None:
    wanted = {"vip": {"AAID": {"a", "b"}}, "empty": {}}
    found = {"vip": {"AAID": {"b", "x"}, "IDFA": {"y"}}}

    assert difference(found, wanted) == (1, 2, 2)


def test_what_was_sent_again_is_told_against_the_same_peers_quiet_run() -> None:
    assert sent_again(KILLED, QUIET) == pytest.approx(0.2)
    assert sent_again(QUIET, KILLED) == 0


def test_a_run_that_ended_wrong_says_how_wrong() -> None:
    runs = {Scenario.QUIET: QUIET, Scenario.KILLED: KILLED}

    assert judgement(runs, Scenario.QUIET) == "right"
    assert judgement(runs, Scenario.KILLED) == "WRONG -3 +1, 20% again, 2 restarts"
    assert judgement(runs, Scenario.TROUBLE) == "-"


def test_the_table_has_a_row_for_each_peer_and_the_file_has_every_run() -> None:
    run = Measured(
        peer="plain", scenario=Scenario.QUIET, events=1_000, changes=500, seconds=2.0, cpu_seconds=0.5,
        peak_bytes=2**20 * 50, requests=1_000, uploads=500, breaches=(), ended=QUIET,
    )  # fmt: skip
    results = {"plain": {Scenario.QUIET: run}}

    text, markdown = (table(results, [PEERS["plain"]]) for table in (as_text, as_markdown))
    written = json.loads(document({"machine": "m"}, results, {"camel, quiet": "no Java"}))

    row = text.splitlines()[1].split()
    assert row[:7] == ["plain", "1,000", "500", "500", "50", "2,000,000", "right"]
    assert "| plain | 1,000 | 500 | 500 | 50 | 2,000,000 | right | - | - | - |" in markdown
    assert written["peers"]["plain"]["quiet"]["ended"]["sent"] == 150
    assert written["failures"] == {"camel, quiet": "no Java"}


def test_every_peer_names_its_versions_and_ours_comes_first() -> None:
    assert next(iter(PEERS.values())).is_ours
    assert all(peer.version() for peer in PEERS.values())
    assert {peer.work for peer in PEERS.values()} == set(Work)


def test_versions_are_read_from_a_requirement_file_with_hashes() -> None:
    text = (
        "Fast-Stream[confluent]==0.7.8 \\\n    --hash=sha256:ab\n    # via x==9\nurllib3==2.8.0\n"
    )

    assert pinned_versions(text) == {"fast-stream": "0.7.8", "urllib3": "2.8.0"}
