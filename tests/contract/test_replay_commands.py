"""The replay commands, as far as the mock cluster can show them.

It knows nothing of a group's state, of deleting records, of records by time, and of setting the offsets of a group that has had
members: all that is in test_replay_on_real_kafka.py.
"""

import json
from pathlib import Path

import pytest

from tests.contract.replay_commands import GroupOfTests, a_group, replay, targets
from tests.kafka_cluster import KafkaCluster

SHA256 = "a" * 64


@pytest.fixture
def group(kafka_cluster: KafkaCluster) -> GroupOfTests:
    """Ten records on each of two partitions; the group has read eight and ten of them."""
    group = a_group(kafka_cluster)
    for partition in (0, 1):
        group.write(10, partition=partition)
    group.commit({0: 8, 1: 10})
    return group


def test_a_plan_tells_what_would_be_delivered_again_and_changes_nothing(
    group: GroupOfTests,
) -> None:
    plan = group.plan("--to-offset", "3")

    assert targets(plan) == {0: 3, 1: 3}
    assert [each["current"] for each in plan["partitions"]] == [8, 10]
    assert (plan["redelivered"], len(plan["plan_sha256"])) == (12, 64)
    assert all(each["oldest"] <= each["newest"] for each in plan["partitions"])
    assert group.committed() == {0: 8, 1: 10}


def test_a_plan_may_be_of_some_partitions(group: GroupOfTests) -> None:
    assert targets(group.plan("--shift-by", "-2", "--partitions", "1")) == {1: 8}
    assert targets(group.plan("--to-earliest", "--partitions", "0-1")) == {0: 0, 1: 0}


def test_people_get_a_table_with_the_sha(
    group: GroupOfTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    said = group.run("plan", "--to-offset", "3")

    assert said.code == 0
    assert "12 records would be delivered again." in said.out
    assert "Plan SHA-256: " in said.out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "say where to go"),
        (("--to-earliest", "--to-offset", "1"), "say where to go"),
        (("--to-datetime", "2026-11-22T13:00:00"), "no date and time with its zone"),
        (("--to-earliest", "--topic", "nobody"), "not in KAFKA_TOPICS"),
        (("--to-earliest", "--partitions", "7"), "there is no partition"),
        (("--to-earliest", "--partitions", "a"), "no partition and no range"),
        (("--to-earliest", "--partitions", "3-1"), "no partition and no range"),
    ],
)
def test_arguments_that_say_nothing_clear_are_refused(
    group: GroupOfTests, arguments: tuple[str, ...], why: str
) -> None:
    refused = group.run("plan", *arguments)

    assert refused.code == 2
    assert why in " ".join(refused.said.replace("│", " ").split())


def test_a_guard_is_told_beside_the_plan(group: GroupOfTests) -> None:
    refused = group.run("plan", "--to-offset", "9", "--json")

    assert refused.code == 10
    assert "1 records from offset 8 on would never be delivered" in refused.said
    assert targets(refused.objects[0]) == {0: 9, 1: 9}


def test_a_plan_file_of_another_group_or_with_changes_is_refused(
    group: GroupOfTests, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    plan = group.plan("--to-offset", "3")
    file.write_text(json.dumps({**plan, "group": "other"}))
    changed = group.apply(SHA256, "--plan", str(file))
    file.write_text(json.dumps(plan))
    group.group = "another"
    foreign = group.apply(SHA256, "--plan", str(file))

    assert (changed.code, foreign.code) == (2, 2)
    assert "somebody has changed it" in " ".join(changed.said.replace("│", " ").split())


def test_a_snapshot_of_another_group_is_refused(group: GroupOfTests) -> None:
    snapshot = {
        "kind": "replay_snapshot", "version": 1, "group": "other", "replay_id": "one",
        "plan_sha256": SHA256, "taken_at": "2026-11-23T00:00:00+00:00", "partitions": [],
    }  # fmt: skip

    assert group.run("rollback", "-", stdin=json.dumps(snapshot)).code == 10
    assert group.run("rollback", "-", stdin="nothing").code == 2
    assert group.run("rollback", "no-such-file").code == 2


def test_without_an_answer_from_kafka_the_exit_code_says_so(group: GroupOfTests) -> None:
    environ = {**group.environ, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consumer.kafka.group_offsets._ANSWER_SECONDS", 0.3)
        refused = replay(environ, "plan", "--to-earliest")

    assert refused.code == 4
    assert "segment-liveintent check" in refused.said
