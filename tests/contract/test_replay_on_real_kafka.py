"""The replay commands against a real Kafka: its groups, its members, its times, its refusals."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from os import environ
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from consumer.kafka import replaying
from tests.contract.replay_commands import FIRST_MS, GroupOfTests, a_group, moment, results, targets
from tests.kafka_cluster.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

ANSWER_SECONDS = 30
PROCESS_SECONDS = 60
AT_ONCE = "--wait=0"
# Runs the command, and is gone with SIGKILL once the offsets are set and before they are looked at.
DIES = """
import os, signal, sys
from consumer.kafka import group_offsets

def alter(self, offsets, alter=group_offsets.GroupOffsets.alter):
    alter(self, offsets)
    os.kill(os.getpid(), signal.SIGKILL)

group_offsets.GroupOffsets.alter = alter
from consumer.cli.app import app
app(["replay", *sys.argv[1:]])
"""


@pytest.fixture
def group(real_kafka: RealKafka) -> GroupOfTests:
    """Ten records on each of two partitions; the group has read eight and ten of them, and has no member now."""
    group = a_group(real_kafka)
    for partition in (0, 1):
        group.write(10, partition=partition)
    group.commit({0: 8, 1: 10})
    return group


@pytest.fixture(scope="module")
def quick_sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """A broker whose KIP-848 sessions are short: there the client cannot choose."""
    sessions = {
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.session.timeout.ms": "6000",
        "group.consumer.heartbeat.interval.ms": "1000",
        "group.consumer.min.heartbeat.interval.ms": "1000",
    }
    with RealKafka(tmp_path_factory.mktemp("quick-kafka"), properties=sessions) as kafka:
        yield kafka


def test_a_plan_made_while_the_service_runs_is_applied_once_it_is_stopped(
    group: GroupOfTests,
) -> None:
    member = group.member()
    plan = group.plan("--to-datetime", moment(5))
    refused = group.apply(plan["plan_sha256"], "--to-datetime", moment(5), AT_ONCE)
    member.commit(offsets=[TopicPartition(group.topic, 0, 9)], asynchronous=False)
    group.write(3, first_ms=FIRST_MS + 60_000)
    member.close()

    applied = group.apply(plan["plan_sha256"], "--to-datetime", moment(5))

    assert (refused.code, refused.objects) == (12, [])
    assert "stop every replica first" in refused.said
    assert targets(plan) == {0: 5, 1: 5}
    assert (plan["oldest"], plan["newest"]) == (moment(5), moment(9))
    assert plan["redelivered"] == 3 + 5
    assert (applied.code, group.committed()) == (0, {0: 5, 1: 5})
    assert [each["old"] for each in applied.objects[-1]["partitions"]] == [9, 10]


def test_another_plan_than_the_approved_one_is_refused(group: GroupOfTests) -> None:
    plan = group.plan("--to-offset", "3")

    refused = group.apply(plan["plan_sha256"], "--to-offset", "2")

    assert (refused.code, refused.objects) == (11, [])
    assert plan["plan_sha256"] in refused.said
    assert group.committed() == {0: 8, 1: 10}


def test_killed_between_setting_and_comparing_it_says_so_when_run_again(
    group: GroupOfTests, tmp_path: Path
) -> None:
    sha256 = group.plan("--shift-by", "-4")["plan_sha256"]
    plan_file = tmp_path / "plan.json"
    plan_file.write_text(group.run("plan", "--shift-by", "-4", "--json").out)
    arguments = ["apply", "--plan", str(plan_file), "--expect-plan", sha256, "--id", "one"]
    killed = subprocess.run(
        [sys.executable, "-c", DIES, *arguments],
        env={**environ, **group.environ},
        timeout=PROCESS_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    after = group.committed()

    again = group.run(*arguments)
    with_the_options = group.apply(sha256, "--shift-by", "-4")

    assert killed.returncode == -signal.SIGKILL
    assert after == group.committed() == {0: 4, 1: 6}
    for rerun in (again, with_the_options):
        assert (rerun.code, rerun.objects[-1]["was_done_already"]) == (0, True), rerun.said
        # The old offsets survive in the markers.
        assert [each["offset"] for each in rerun.objects[0]["partitions"]] == [8, 10]
    printed = json.loads(killed.stdout.splitlines()[0])
    assert printed["partitions"] != []
    assert group.run("rollback", "-", stdin=again.out).code == 0
    assert group.committed() == {0: 8, 1: 10}


def test_a_rollback_restores_exactly_and_again_changes_nothing(
    group: GroupOfTests, tmp_path: Path
) -> None:
    snapshot = tmp_path / "before.json"
    first = group.plan("--to-offset", "7")["plan_sha256"]
    assert group.apply(first, "--to-offset", "7", name="first").code == 0
    before = group.run("apply", "--to-offset", "7", "--expect-plan", first, "--id", "first")
    second = group.plan("--to-earliest")["plan_sha256"]
    group.apply(second, "--to-earliest", f"--snapshot-file={snapshot}", name="second")

    restored = group.run("rollback", str(snapshot))
    again = group.run("rollback", str(snapshot))
    still_the_first = group.apply(first, "--to-offset", "7", name="first")

    assert (restored.code, results(restored)) == (0, ["restore", "restore"])
    assert (again.code, results(again)) == (0, ["restored_already"] * 2)
    assert group.committed() == {0: 7, 1: 7}
    assert still_the_first.objects[-1]["was_done_already"]
    assert before.objects[-1]["was_done_already"]


def test_an_offset_that_did_not_exist_before_stays_and_is_told(real_kafka: RealKafka) -> None:
    group = a_group(real_kafka)
    group.write(5)
    group.commit({0: 5})
    sha256 = group.plan("--to-earliest")["plan_sha256"]
    applied = group.apply(sha256, "--to-earliest")

    rolled_back = group.run("rollback", "-", stdin=applied.out)

    assert (applied.code, rolled_back.code) == (0, 0)
    assert [each["old"] for each in applied.objects[-1]["partitions"]] == [5, None]
    assert results(rolled_back) == ["restore", "had_none"]
    assert "--delete-offsets" in rolled_back.said
    assert group.committed() == {0: 5, 1: 0}


def test_a_static_member_that_has_gone_is_waited_for_until_its_session_is_over(
    group: GroupOfTests,
) -> None:
    _wait_for_a_static_member(group, {"session.timeout.ms": "6000"})


def test_under_kip_848_a_static_member_that_has_gone_is_waited_for_as_well(
    quick_sessions: RealKafka,
) -> None:
    group = a_group(quick_sessions)
    group.write(10)
    _wait_for_a_static_member(group, {"group.protocol": "consumer"})


def test_deleted_records_are_not_asked_for_unless_allowed(
    real_kafka: RealKafka, group: GroupOfTests
) -> None:
    _delete_up_to(real_kafka, group.topic, 4)

    refused = group.run("plan", "--to-offset", "2", "--json")
    allowed = group.plan("--to-offset", "2", "--allow-truncated")
    applied = group.apply(allowed["plan_sha256"], "--to-offset", "2", "--allow-truncated")

    assert refused.code == 10
    assert f"{group.topic}-0: offset 2 was deleted already, the log starts at 4" in refused.said
    assert refused.objects[0]["plan_sha256"] == allowed["plan_sha256"]
    assert (applied.code, group.committed()) == (0, {0: 4, 1: 2})


def test_retention_that_goes_on_does_not_spoil_a_plan_from_the_earliest_record(
    real_kafka: RealKafka, group: GroupOfTests
) -> None:
    sha256 = group.plan("--to-earliest")["plan_sha256"]
    _delete_up_to(real_kafka, group.topic, 4)

    assert group.apply(sha256, "--to-earliest").code == 0
    assert group.committed() == {0: 4, 1: 0}


def test_a_partition_without_records_is_planned_like_any_other(real_kafka: RealKafka) -> None:
    group = a_group(real_kafka)
    group.write(5)
    group.commit({0: 5, 1: 0})

    plan = group.plan("--to-datetime", moment(2))

    assert targets(plan) == {0: 2, 1: 0}
    assert [each["redelivered"] for each in plan["partitions"]] == [3, 0]


def test_partitions_added_since_the_plan_make_it_another(
    real_kafka: RealKafka, group: GroupOfTests
) -> None:
    sha256 = group.plan("--to-offset", "3", "--partitions", "0")["plan_sha256"]
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
    admin.create_partitions([NewPartitions(group.topic, 3)])[group.topic].result(ANSWER_SECONDS)

    refused = group.apply(sha256, "--to-offset", "3", "--partitions", "0")

    assert refused.code == 11
    assert group.committed() == {0: 8, 1: 10}


def test_a_group_nobody_knows_is_refused_and_not_made(group: GroupOfTests) -> None:
    group.group += "-misspelt"

    refused = group.run("plan", "--to-earliest", "--json")
    sha256 = refused.objects[0]["plan_sha256"]
    applied = group.apply(sha256, "--to-earliest")

    assert (refused.code, applied.code) == (10, 10)
    assert "Is KAFKA_GROUP_ID right?" in refused.said
    assert group.committed() == {}
    assert group.apply(sha256, "--to-earliest", "--allow-unknown-group").code == 0
    assert group.committed() == {0: 0, 1: 0}


def test_a_member_that_comes_back_in_between_is_refused_by_kafka_and_told(
    group: GroupOfTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = group.plan("--to-offset", "1")["plan_sha256"]
    members = []
    original = replaying.wait_until_empty

    def comes_back(at: replaying.Group, patience: replaying.Patience) -> None:
        original(at, patience)
        members.append(group.member())

    monkeypatch.setattr(replaying, "wait_until_empty", comes_back)
    refused = group.apply(sha256, "--to-offset", "1")
    members[0].close()

    assert refused.code == 13
    assert "UNKNOWN_MEMBER_ID" in refused.said
    assert group.committed() == {0: 8, 1: 10}


def _delete_up_to(kafka: RealKafka, topic: str, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for each in admin.delete_records([TopicPartition(topic, 0, offset)]).values():
        each.result(ANSWER_SECONDS)


def _wait_for_a_static_member(group: GroupOfTests, properties: dict[str, str]) -> None:
    group.properties = properties
    group.commit({0: 5, 1: 0}, **properties, **{"group.instance.id": "pod-0"})
    sha256 = group.plan("--to-earliest")["plan_sha256"]

    at_once = group.apply(sha256, "--to-earliest", AT_ONCE)
    waited = group.apply(sha256, "--to-earliest")

    assert at_once.code == 12
    assert "pod-0" in at_once.said
    assert (waited.code, group.committed()) == (0, {0: 0, 1: 0})
