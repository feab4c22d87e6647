import json
from typing import Any

import pytest

from consumer.kafka.replay_documents import (
    OldOffset,
    Snapshot,
    as_document,
    planned_from,
    snapshot_in,
)
from consumer.kafka.replay_marker import ReplayMarker, is_replay_id
from consumer.kafka.replay_plan import Edge, ToEarliest, ToOffset, plan_replay
from consumer.settings.parsing import REPLAY_ID
from tests.unit.kafka.replays import ONE, ZERO, a_sight

SNAPSHOT = Snapshot(
    "service",
    "lost-afternoon",
    "a" * 64,
    "2026-11-23T08:00:00+00:00",
    [OldOffset(ZERO, 80, "text", 3), OldOffset(ONE, None)],
)


def a_document(aim: ToEarliest | ToOffset = ToOffset(30)) -> dict[str, Any]:  # noqa: B008
    plan = plan_replay(aim, [a_sight(), a_sight(ONE)], group="service", chosen=[ZERO, ONE])
    document: dict[str, Any] = json.loads(json.dumps(as_document(plan)))
    return document


def test_a_plan_survives_its_file() -> None:
    planned = planned_from(a_document())

    assert (planned.group, planned.partition_counts) == ("service", {"events": 2})
    assert planned.wanted == {ZERO: 30, ONE: 30}
    assert planned_from(a_document(ToEarliest())).wanted == {
        ZERO: Edge.EARLIEST,
        ONE: Edge.EARLIEST,
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "replay_snapshot"}, "no plan of this version"),
        ({"version": 2}, "no plan of this version"),
        ({"group": "other"}, "somebody has changed it"),
        ({"topics": {"events": 3}}, "somebody has changed it"),
        ({"topics": {}}, "somebody has changed it"),
        ({"partitions": None}, "no plan that"),
        ({"topics": 7}, "no plan that"),
    ],
)
def test_what_is_no_plan_or_was_changed_is_not_taken_for_one(
    change: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        planned_from({**a_document(), **change})


def test_a_snapshot_survives_its_file() -> None:
    assert snapshot_in(json.dumps(SNAPSHOT.as_document(), indent=2)) == SNAPSHOT


def test_a_snapshot_is_found_in_the_log_of_its_job() -> None:
    line = json.dumps(SNAPSHOT.as_document())

    assert snapshot_in(f'Waiting.\n{line}\n{{"kind": "replay_applied"}}\n[1]\n{line}\n') == SNAPSHOT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nothing", "no snapshot is in it"),
        (
            json.dumps(SNAPSHOT.as_document())
            + "\n"
            + json.dumps({**SNAPSHOT.as_document(), "replay_id": "b"}),
            "2 snapshots",
        ),
        (json.dumps({**SNAPSHOT.as_document(), "version": 2}), "not of this version"),
        (json.dumps({**SNAPSHOT.as_document(), "replay_id": "No"}), "not of this version"),
        (json.dumps({**SNAPSHOT.as_document(), "partitions": [{}]}), "not whole"),
    ],
)
def test_any_other_text_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        snapshot_in(text)


@pytest.mark.parametrize("until", [None, 0, 12345])
def test_a_marker_survives_its_metadata_and_the_words_of_others(until: int | None) -> None:
    marker = ReplayMarker("lost-afternoon", "b" * 64, until)

    assert ReplayMarker.parse(str(marker)) == marker
    assert ReplayMarker.parse(f"{marker} confirmed done") == marker


@pytest.mark.parametrize("metadata", [None, "", "confirmed", "segment-liveintent replay=x"])
def test_other_metadata_are_no_marker(metadata: str | None) -> None:
    assert ReplayMarker.parse(metadata) is None


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("a", True), ("lost-afternoon-2", True), ("a" * 40, True), ("a" * 41, False), ("-a", False), ("a-", False), ("A", False), ("", False), ("a b", False)],
)  # fmt: skip
def test_an_id_can_be_part_of_a_jobs_name(name: str, is_one: bool) -> None:
    assert is_replay_id(name) is is_one
    assert (REPLAY_ID.fullmatch(name) is not None) is is_one
