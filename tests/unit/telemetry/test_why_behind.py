import re
from dataclasses import replace
from pathlib import Path

import pytest

from consumer.telemetry.causes import ADVICE, Cause
from consumer.telemetry.status import (
    Hold,
    LaneStatus,
    LaneTotals,
    PartitionStatus,
    Phase,
    ReplayStatus,
    Verdict,
)
from consumer.telemetry.why_behind import Answer, Mood, count, duration, why_behind
from tests.unit.telemetry.invented_status import a_busy_status, a_healthy_status, a_partition

HEALTHY = a_healthy_status()
RUNBOOK = Path(__file__).parents[3] / "docs" / "operations.md"


def test_a_healthy_process_is_not_behind() -> None:
    assert why_behind(HEALTHY) == Answer(
        Mood.GOOD, "Not behind: every record is read and finished.", Cause.NOTHING
    )


def test_the_longest_hold_is_the_cause() -> None:
    assert why_behind(a_busy_status()) == Answer(
        Mood.HELD,
        "Behind by at least 3,596,120 records: calls to api.liveintent.example are held back for 4 min "
        "(it answered 503 five times; next try in 20 s); the oldest unfinished record (segment-events-0 offset "
        "1204000), read 12 s ago, waits for the next flush of vip_customers.",
        Cause.CIRCUIT_OPEN,
    )


def test_a_hold_of_unknown_age_is_told_without_one() -> None:
    status = replace(HEALTHY, partitions=(), holds=(Hold("reading is paused", "draining"),))

    assert why_behind(status).sentence == "Reading nothing: reading is paused (draining)."


def test_a_schema_that_is_waited_for_is_the_cause() -> None:
    status = replace(
        HEALTHY, partitions=(a_partition(end=501),), registry_waiting="schema 7, unreachable"
    )

    assert why_behind(status) == Answer(
        Mood.HELD,
        "Behind by 1 record: waiting for the schema registry (schema 7, unreachable).",
        Cause.SCHEMA_AWAITED,
    )


def test_paused_partitions_are_the_cause() -> None:
    paused = replace(a_partition(end=900), paused=("the dead-letter topic cannot be written",))
    status = replace(HEALTHY, partitions=(paused, replace(paused, partition=1)))

    assert why_behind(status).sentence == (
        "Behind by 800 records: 2 partitions paused (the dead-letter topic cannot be written)."
    )


@pytest.mark.parametrize(
    ("reasons", "sentence"),
    [(("draining",), "Not ready: draining."), ((), "Not ready: no reason given.")],
)
def test_a_process_that_is_not_ready_says_so(reasons: tuple[str, ...], sentence: str) -> None:
    status = replace(HEALTHY, ready=Verdict(ok=False, reasons=reasons))

    assert why_behind(status) == Answer(Mood.HELD, sentence, Cause.NOT_READY)


def test_a_process_that_has_not_begun_is_starting_and_no_reason_to_worry() -> None:
    waits = Verdict(ok=False, reasons=("no partitions were assigned yet",))
    status = replace(HEALTHY, ready=waits, phase=Phase.STARTING, partitions=())

    assert why_behind(status) == Answer(
        Mood.BUSY, "Not ready: no partitions were assigned yet.", Cause.STARTING
    )


def test_a_process_that_stops_says_what_is_still_on_the_way() -> None:
    stopping = replace(a_busy_status(), phase=Phase.STOPPING)
    empty = replace(HEALTHY, phase=Phase.STOPPING)

    assert why_behind(stopping) == Answer(
        Mood.BUSY,
        "Stopping: 47,120 records on the way, nothing more is read.",
        Cause.STOPPING,
    )
    assert why_behind(empty).sentence == "Stopping: nothing is on the way any more."


def test_a_replay_explains_a_backlog_unless_something_is_held_back() -> None:
    replay = ReplayStatus(("lost-afternoon",), 0)
    status = replace(HEALTHY, partitions=(a_partition(end=900),), replay=replay)
    held = replace(status, holds=(Hold("x", "y", cause=Cause.TOKEN_REFUSED),))

    assert why_behind(status) == Answer(
        Mood.BUSY,
        "Behind by 400 records: records are delivered again by lost-afternoon.",
        Cause.REPLAYING,
    )
    assert why_behind(held).cause is Cause.TOKEN_REFUSED


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_advice_and_its_runbook_heading_exists(cause: Cause) -> None:
    headings = re.findall(r"^#{2,3} (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    advice = ADVICE[cause]

    assert advice.headline
    assert advice.to_do
    assert advice.runbook in {*headings, ""}
    assert advice.runbook or cause is Cause.NOTHING


def test_a_spare_process_has_no_partition() -> None:
    assert why_behind(replace(HEALTHY, partitions=())).sentence == (
        "No partition is assigned to this process; others of the group may have them."
    )


def test_refused_audiences_are_named() -> None:
    lanes = tuple(LaneStatus(name, refused="it is Archived") for name in "abcd")

    status = replace(HEALTHY, lanes=lanes, lane_totals=LaneTotals(audiences=9, refused=4))

    assert why_behind(status) == Answer(
        Mood.HELD,
        "Not behind: every record is read and finished; LiveIntent refuses 4 audiences (a, b, c and 1 more), "
        "whose records go to the dead-letter topic.",
        Cause.AUDIENCE_REFUSED,
    )


def test_the_partition_that_stands_still_longest_is_told_with_what_it_waits_for() -> None:
    def stalled(partition: int, seconds: float) -> PartitionStatus:
        return replace(
            a_partition(partition, end=600),
            progress="stalled",
            still_seconds=seconds,
            waits_for="Kafka to give its records",
        )

    status = replace(HEALTHY, partitions=(stalled(0, 1_900.0), stalled(1, 5_400.0), a_partition(2)))

    assert why_behind(status) == Answer(
        Mood.HELD,
        "No progress on 2 of 3 partitions: segment-events-1 has waited 90 min for Kafka to give its records.",
        Cause.STALLED,
    )


def test_records_on_the_way_are_told_with_what_the_oldest_waits_for() -> None:
    status = replace(HEALTHY, partitions=(a_partition(position=503, end=503),))

    assert why_behind(status) == Answer(
        Mood.BUSY,
        "Everything is read, 3 records on the way: the oldest unfinished record (segment-events-0 offset 500), "
        "read 12 s ago, waits for the next flush of vip_customers.",
        Cause.WORKING,
    )


def test_the_oldest_of_several_partitions_is_told() -> None:
    young = replace(a_partition(0, position=600, end=600), oldest_age_seconds=1.0)
    old = replace(a_partition(1, position=600, end=600), oldest_age_seconds=90.0, oldest_why="")
    status = replace(HEALTHY, partitions=(young, old))

    assert (
        "(segment-events-1 offset 500), read 90 s ago, waits for its flush"
        in why_behind(status).sentence
    )


def test_a_backlog_that_nothing_holds_back_is_being_read() -> None:
    status = replace(HEALTHY, partitions=(a_partition(end=12_845),))

    assert why_behind(status) == Answer(
        Mood.BUSY,
        "Behind by 12,345 records: the backlog is being read, and nothing holds it back.",
        Cause.WORKING,
    )


def test_an_unknown_end_is_not_called_up_to_date() -> None:
    status = replace(HEALTHY, partitions=(PartitionStatus("t", 0, position=5, pending=0),))

    assert why_behind(status).sentence.startswith("How far behind is not known yet")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7500, "2 h 05 min"),
        (172_800, "2 days"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_count_agrees_with_its_noun() -> None:
    assert [count(n, "record") for n in (0, 1, 1234)] == ["0 records", "1 record", "1,234 records"]
