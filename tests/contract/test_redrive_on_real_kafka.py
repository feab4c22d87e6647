"""What only a real Kafka can show of a redrive: transactions that are aborted, fenced, or never ended."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from os import environ

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.cli.dead_letters_source import survey_of
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.dead_letter_reader import DeadLetterReader
from consumer.kafka.dead_letter_selection import RedrivePlan, RedriveRules, Wanted, plan_redrive
from consumer.kafka.redrive import Overtaken, Redrive
from consumer.kafka.redriving import Pace, RedriveResult, put_back_all
from tests.contract.dead_letter_commands import PARTITIONS, Topics, topics_on
from tests.kafka_cluster.real_kafka import RealKafka
from tests.kafka_cluster.topics import unique_name

pytestmark = pytest.mark.kafka

ANSWER_SECONDS = 30
PROCESS_SECONDS = 60
AT_ONCE = Pace(None, time.monotonic, time.sleep)
# Runs the command, and is gone with SIGKILL as its first transaction is to be committed, or just has been.
DIES = """
import os, signal, sys
from confluent_kafka import Producer
from consumer.kafka import redrive

class Dies(Producer):
    def commit_transaction(self, *arguments):
        if sys.argv[1] == "after":
            super().commit_transaction(*arguments)
        else:
            self.flush(30)
        os.kill(os.getpid(), signal.SIGKILL)

redrive.Producer = Dies
from consumer.cli.app import app
app(["dead-letters", "redrive", "--all", "--yes"])
"""


@pytest.fixture
def topics(real_kafka: RealKafka) -> Topics:
    return topics_on(real_kafka)


def connection(topics: Topics) -> KafkaConnection:
    return KafkaConnection(topics.cluster.bootstrap_servers, "group")


def many(topics: Topics, count: int) -> list[bytes]:
    """Write dead letters over both partitions; their values."""
    values = [str(number).encode() for number in range(count)]
    topics.fail(
        *(topics.letter(value=each, partition=i % PARTITIONS) for i, each in enumerate(values))
    )
    return values


def put_back(topics: Topics) -> Counter[bytes]:
    return Counter(record.value or b"" for record in topics.put_back())


def plan_of(topics: Topics, reader: DeadLetterReader) -> tuple[RedrivePlan, dict[int, int]]:
    survey, seen_to = survey_of(reader, Wanted())
    rules = RedriveRules((topics.events,), {topics.events: PARTITIONS}, max_attempts=3)
    return plan_redrive(survey.waiting, rules), seen_to


def settings(topics: Topics) -> Mapping[str, str]:
    return {
        **{name: environ[name] for name in ("PATH", "HOME") if name in environ},
        **topics.environ,
    }


@pytest.mark.parametrize(("dies", "back"), [("before", 0), ("after", 5)])
def test_killed_around_its_commit_and_run_again_each_dead_letter_goes_back_once(
    topics: Topics, dies: str, back: int
) -> None:
    values = many(topics, 5)
    killed = subprocess.run(
        [sys.executable, "-c", DIES, dies],
        env=settings(topics),
        timeout=PROCESS_SECONDS,
        check=False,
    )
    before = put_back(topics)

    again = topics.run("redrive", "--all", "--yes")

    assert killed.returncode == -signal.SIGKILL
    assert before.total() == back
    assert (again.code, len(again.objects)) == (0, 5 - back)
    assert put_back(topics) == Counter(values)
    assert topics.run("list", "--json").objects == []


def test_two_redrives_at_the_same_time_put_each_dead_letter_back_once(topics: Topics) -> None:
    values = many(topics, 400)
    both = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "consumer",
                "dead-letters",
                "redrive",
                "--all",
                "--yes",
                "--rate=100",
            ],
            env=settings(topics),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        said = [each.communicate(timeout=PROCESS_SECONDS)[1] for each in both]
    finally:
        for each in both:
            each.kill()
    codes = sorted(each.returncode for each in both)

    assert codes in ([0, 0], [0, 3]), said
    assert put_back(topics) == Counter(values)
    assert topics.run("list", "--json").objects == []


def test_who_begins_later_takes_over_and_who_is_overtaken_puts_nothing_more_back(
    topics: Topics,
) -> None:
    values = many(topics, 6)
    one_by_one = Pace(1.0, time.monotonic, lambda _: None)
    with (
        DeadLetterReader(connection(topics), topics.dead) as reader,
        DeadLetterReader(connection(topics), topics.dead) as other_reader,
        Redrive(connection(topics), topics.dead) as first,
        Redrive(connection(topics), topics.dead) as second,
    ):
        plan, seen_to = plan_of(topics, reader)
        of_first = put_back_all(plan, reader, first, seen_to=seen_to, pace=one_by_one)
        settled = [next(of_first), next(of_first)]
        of_second = list(put_back_all(plan, other_reader, second, seen_to=seen_to, pace=AT_ONCE))
        with pytest.raises(Overtaken, match="Another redrive"):
            next(of_first)

    assert [each.result for each in settled] == [RedriveResult.PUT_BACK] * 2
    results = Counter(each.result for each in of_second)
    assert results == {RedriveResult.ALREADY_PUT_BACK: 2, RedriveResult.PUT_BACK: 4}
    assert put_back(topics) == Counter(values)


def test_a_record_that_has_become_too_large_is_left_and_the_others_go_back(
    real_kafka: RealKafka,
) -> None:
    topics = topics_on(real_kafka)
    small = unique_name("small")
    _create(real_kafka, small, {"max.message.bytes": "1000", "compression.type": "uncompressed"})
    topics.environ["KAFKA_TOPICS"] = small
    topics.environ["KAFKA_PROPERTIES"] = '{"compression.type": "none"}'
    values = [b"a", b"b" * 2000, b"c", b"d"]
    topics.fail(*(topics.letter(value=each, topic=small, origin_partition=0) for each in values))
    topics = Topics(real_kafka, small, topics.dead, topics.environ)

    redriven = topics.run("redrive", "--all", "--yes")

    assert redriven.code == 3
    left = [(each["why"], each["code"]) for each in redriven.objects if each["result"] == "left"]
    assert left == [("refused_by_kafka", "MSG_SIZE_TOO_LARGE")]
    assert put_back(topics) == Counter({b"a": 1, b"c": 1, b"d": 1})
    assert topics.marked() == ["0:0", "0:2", "0:3"]


def test_a_compacted_dead_letter_topic_is_refused_and_nothing_goes_back(
    real_kafka: RealKafka,
) -> None:
    topics = topics_on(real_kafka)
    compacted = unique_name("compacted")
    _create(real_kafka, compacted, {"cleanup.policy": "compact"})
    environ = {**topics.environ, "KAFKA_DEAD_LETTER_TOPIC": compacted}
    topics = Topics(real_kafka, topics.events, compacted, environ)
    topics.fail(topics.letter())

    redriven = topics.run("redrive", "--all", "--yes")

    assert redriven.code == 4
    assert "Is it compacted? Set cleanup.policy=delete on it." in redriven.said
    assert topics.put_back() == []
    assert [each["redriven"] for each in topics.run("list", "--json").objects] == [False]


def test_a_dead_letter_deleted_meanwhile_is_left_and_those_after_it_go_back(
    topics: Topics,
) -> None:
    topics.fail(*(topics.letter(value=each) for each in (b"gone", b"there")))
    with (
        DeadLetterReader(connection(topics), topics.dead) as reader,
        Redrive(connection(topics), topics.dead) as redrive,
    ):
        plan, seen_to = plan_of(topics, reader)
        admin = AdminClient({"bootstrap.servers": topics.cluster.bootstrap_servers})
        deleted = admin.delete_records([TopicPartition(topics.dead, 0, 1)])
        for each in deleted.values():
            each.result(ANSWER_SECONDS)
        settled = list(put_back_all(plan, reader, redrive, seen_to=seen_to, pace=AT_ONCE))

    assert [(each.letter.place.offset, each.why) for each in settled] == [(1, None), (0, "expired")]
    assert put_back(topics) == Counter({b"there": 1})


def _create(cluster: RealKafka, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    created = admin.create_topics([NewTopic(topic, 1, 1, config=config)])
    created[topic].result(ANSWER_SECONDS)
