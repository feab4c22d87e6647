"""`dead-letters list`, `show` and `redrive` on a Kafka cluster of either kind."""

import json
import socket
import stat
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from consumer.cli import dead_letters_redrive as redrive_module
from consumer.errors import KafkaFatal
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.dead_letter_headers import read_failure, without_failures
from consumer.kafka.dead_letter_reader import DeadLetterReader
from consumer.kafka.redrive_headers import Place, marker_headers
from consumer.sandbox.embedded_kafka import ApiKey, EmbeddedKafka
from tests.contract.dead_letter_commands import (
    EMBEDDED_PROPERTIES,
    KEY,
    ON_A_TERMINAL,
    VALUE,
    Outcome,
    Topics,
    topics_on,
)
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.kafka_cluster.topics import NewRecord, end_offsets
from tests.segment_events import KEY as AUDIENCE
from tests.segment_events import an_identify

JANUARY, FEBRUARY, MARCH = 1_767_225_600_000, 1_769_904_000_000, 1_772_323_200_000
EMAIL = "ana.ruiz@example.com"


@pytest.fixture
def topics(kafka_cluster: KafkaCluster) -> Topics:
    return topics_on(kafka_cluster)


def places(outcome: Outcome) -> list[str]:
    return [f"{each['partition']}:{each['offset']}" for each in outcome.objects]


def told(outcome: Outcome) -> str:
    return outcome.out + outcome.said


def test_list_tells_each_dead_letter_without_its_key_and_value(topics: Topics) -> None:
    topics.fail(topics.letter(failed_at_ms=FEBRUARY, attempt=2, detail="field 3 is a string"))

    listed = topics.run("list", "--json")

    assert listed.code == 0
    assert listed.objects == [
        {
            "partition": 0,
            "offset": 0,
            "reason": "audience_refused",
            "stage": "upload",
            "detail": "field 3 is a string",
            "audience": "vip_customers",
            "attempt": 2,
            "version": "1.2.3",
            "origin_topic": topics.events,
            "origin_partition": 1,
            "origin_offset": 40,
            "original_timestamp": "2026-01-09T23:06:40.000Z",
            "failed_at": "2026-02-01T00:00:00.000Z",
            "key_bytes": len(KEY),
            "value_bytes": len(VALUE),
            "redriven": False,
        }
    ]
    assert EMAIL not in told(listed)


def test_list_counts_by_reason_for_people_and_shows_the_newest(topics: Topics) -> None:
    topics.fail(
        topics.letter(failed_at_ms=JANUARY),
        topics.letter(failed_at_ms=FEBRUARY, audience="lapsed_buyers", partition=1),
        topics.letter(failed_at_ms=MARCH, reason="undecodable", audience=""),
        NewRecord(b"k", b"not ours"),
    )

    listed = topics.run("list", **ON_A_TERMINAL)

    by_reason, newest = listed.out.split("The newest")
    assert "audience_refused" in by_reason
    assert "lapsed_buyers, vip_customers" in by_reason
    assert "2026-01-01 00:00:00Z" in by_reason
    assert newest.index("2026-03-01") < newest.index("2026-02-01") < newest.index("2026-01-01")
    assert "3 dead letters; 0 put back, 3 not." in newest
    assert "1 record of the topic are not ours." in newest
    assert EMAIL not in told(listed)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["0:0", "0:1", "0:2"]),
        (["--reason", "undecodable"], ["0:1"]),
        (["--reason", "undecodable", "--reason", "audience_refused"], ["0:0", "0:1"]),
        (["--audience", "lapsed_buyers"], ["0:2"]),
        (["--since", "2026-02-01T01:00:00+01:00"], ["0:1", "0:2"]),
        (["--until", "2026-02-01T00:00:00Z"], ["0:0"]),
        (["--since", "2026-02-01T00:00:00Z", "--until", "2026-03-01T00:00:00Z"], ["0:1"]),
        (["--limit", "2"], ["0:1", "0:2"]),
        (["--limit", "0"], []),
        (["--topic", "elsewhere"], []),
    ],
)
def test_list_shows_what_is_asked_for(
    topics: Topics, arguments: list[str], found: list[str]
) -> None:
    topics.fail(
        topics.letter(failed_at_ms=JANUARY),
        topics.letter(failed_at_ms=FEBRUARY, reason="undecodable", audience=""),
        topics.letter(failed_at_ms=MARCH, reason="upload_refused", audience="lapsed_buyers"),
    )

    listed = topics.run("list", *arguments)

    assert places(listed) == found


def test_an_empty_topic_has_no_dead_letters_and_nothing_to_put_back(topics: Topics) -> None:
    listed = topics.run("list", **ON_A_TERMINAL)
    redriven = topics.run("redrive", "--all", "--yes")

    assert (listed.code, listed.out) == (0, "0 dead letters; 0 put back, 0 not.\n")
    assert (redriven.code, redriven.out) == (0, "")
    assert "No dead letter" in redriven.said


def test_show_tells_every_failure_and_what_would_become_of_the_event_now(topics: Topics) -> None:
    event = topics.encoded(an_identify(email=EMAIL))
    first = topics.letter(value=event, own=[("trace", b"abc")], offset=3)
    topics.fail(topics.letter(value=event, own=first.headers, offset=9, attempt=2))

    shown = topics.run("show", "0:0", "--json", **topics.membership)

    (detail,) = shown.objects
    assert [each["attempt"] for each in detail["failures"]] == [1, 2]
    assert [each["origin_offset"] for each in detail["failures"]] == [3, 9]
    assert detail["headers"] == ["trace"]
    assert detail["now"] == {
        "outcome": "changes",
        "reason": None,
        "detail": "",
        "changes": [{"audience": AUDIENCE, "action": "add"}],
        "problem": "",
    }
    assert EMAIL not in told(shown)


def test_show_tells_people_the_same(topics: Topics) -> None:
    topics.fail(
        topics.letter(value=b"no event", reason="undecodable", audience="", key=None),
        topics.letter(),
    )

    shown = topics.run("show", "0:0", "0:1", **topics.membership, **ON_A_TERMINAL)

    assert "key none, value 8 bytes, headers: trace" in shown.out
    assert "attempt 1: undecodable at upload, version 1.2.3" in shown.out
    assert f"read from {topics.events} 1:40, of 2026-01-09T23:06:40.000Z" in shown.out
    assert "now: rejected, undecodable: Its bytes cannot be read" in shown.out
    assert "attempt 1: audience_refused (vip_customers) at upload" in shown.out
    assert EMAIL not in told(shown)


def test_show_reads_an_event_in_the_format_of_the_service_and_no_other(topics: Topics) -> None:
    topics.fail(topics.letter(value=topics.encoded(an_identify(email=EMAIL))))
    single_object = {**topics.membership, "EVENT_FORMAT": "avro-single-object"}

    shown = topics.run("show", "0:0", "--json", **single_object)

    assert shown.objects[0]["now"]["reason"] == "undecodable"


def test_show_without_the_settings_to_explain_an_event_by_says_so_and_tells_the_rest(
    topics: Topics,
) -> None:
    topics.fail(topics.letter())

    shown = topics.run("show", "0:0", **ON_A_TERMINAL)

    assert shown.code == 0
    assert "cannot be said: SCHEMA_REGISTRY_URL" in shown.out
    assert "attempt 1: audience_refused" in shown.out


def test_show_says_that_a_dead_letter_was_put_back(topics: Topics) -> None:
    topics.fail(topics.letter(), topics.letter())
    topics.run("redrive", "--all", "--limit", "1", "--yes")

    shown = topics.run("show", "0:0", "0:1", "--json")

    assert [each["redriven"] for each in shown.objects] == [True, False]


def test_show_has_nothing_to_tell_of_a_place_without_a_dead_letter(topics: Topics) -> None:
    topics.fail(topics.letter(), NewRecord(None, None, marker_headers(Place(0, 7)), partition=0))

    shown = topics.run("show", "0:0", "0:1", "0:2", "5:0")

    assert shown.code == 3
    assert "has no dead letter at 0:1, 0:2, 5:0." in shown.said
    assert topics.run("show", "everything").code == 2


def test_the_original_value_goes_to_a_new_file_for_its_owner_alone(
    topics: Topics, tmp_path: Path
) -> None:
    topics.fail(topics.letter(), topics.letter(value=None))
    path = tmp_path / "value"

    shown = topics.run("show", "0:0", "--value-to", str(path))
    again = topics.run("show", "0:0", "--value-to", str(path))
    on_terminal = topics.run("show", "0:0", "--value-to", "/dev/stdout")

    assert (shown.code, path.read_bytes()) == (0, VALUE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (again.code, on_terminal.code) == (2, 2)
    assert topics.run("show", "0:1", "--value-to", str(tmp_path / "none")).code == 2
    assert topics.run("show", "0:0", "0:1", "--value-to", str(tmp_path / "two")).code == 2
    assert [each.name for each in tmp_path.iterdir()] == ["value"]
    assert EMAIL not in told(shown) + told(on_terminal)


def test_a_redrive_puts_a_record_back_as_it_was_and_says_which_dead_letter_it_is(
    topics: Topics,
) -> None:
    own = [("trace", b"abc"), ("empty", None), ("trace", b"\xff")]
    topics.fail(topics.letter(own=own, partition=1))

    redriven = topics.run("redrive", "--reason", "audience_refused", "--yes")

    (record,) = topics.put_back()
    assert redriven.code == 0
    assert (record.partition, record.key, record.value) == (1, KEY, VALUE)
    assert record.timestamp_ms == 1_768_000_000_000
    assert without_failures(record.headers) == own
    failure = read_failure(record.headers)
    assert failure is not None
    assert failure.attempt == 1
    assert record.headers[-1] == (
        "segment_liveintent.redriven_from",
        f"{topics.dead}:1:0".encode(),
    )
    assert topics.marked() == ["1:0"]
    assert [each["result"] for each in redriven.objects] == ["put_back"]
    assert "1 put back: 1 audience_refused." in redriven.said
    assert EMAIL not in told(redriven)


def test_a_dead_letter_without_key_value_or_time_goes_back_without(topics: Topics) -> None:
    topics.fail(topics.letter(key=None, value=None, own=[], timestamp_ms=None))

    assert topics.run("redrive", "--all", "--yes").code == 0

    (record,) = topics.put_back()
    assert (record.key, record.value) == (None, None)


def test_redriven_twice_a_dead_letter_goes_back_once(topics: Topics) -> None:
    topics.fail(topics.letter(), topics.letter(partition=1), topics.letter())

    first = topics.run("redrive", "--all", "--yes")
    second = topics.run("redrive", "--all", "--yes")

    assert sorted(places(first)) == ["0:0", "0:1", "1:0"]
    assert (second.code, second.objects) == (0, [])
    assert len(topics.put_back()) == 3
    assert topics.marked() == ["0:0", "0:1", "1:0"]


def test_what_was_put_back_is_listed_only_when_asked_for(topics: Topics) -> None:
    topics.fail(topics.letter(), topics.letter(reason="undecodable"))
    topics.run("redrive", "--reason", "undecodable", "--yes")

    waiting = topics.run("list", "--json")
    everything = topics.run("list", "--json", "--all-states")
    for_people = topics.run("list", **ON_A_TERMINAL)

    assert places(waiting) == ["0:0"]
    assert [each["redriven"] for each in everything.objects] == [False, True]
    assert "2 dead letters; 1 put back, 1 not." in for_people.out


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(topics: Topics) -> None:
    topics.fail(topics.letter(), topics.letter(attempt=3))
    before = end_offsets(topics.cluster.bootstrap_servers, topics.dead)

    dry = topics.run("redrive", "--all", "--dry-run")

    assert dry.code == 3
    assert {each["offset"]: each["result"] for each in dry.objects} == {
        0: "would_be_put_back",
        1: "left",
    }
    assert topics.put_back() == []
    assert end_offsets(topics.cluster.bootstrap_servers, topics.dead) == before


def test_what_failed_too_often_or_has_no_way_back_is_left_with_its_reason(topics: Topics) -> None:
    topics.fail(
        topics.letter(attempt=3),
        topics.letter(topic="elsewhere"),
        topics.letter(partition=0, offset=4),
        topics.letter(attempt=2),
        topics.letter(origin_partition=7),
    )

    redriven = topics.run("redrive", "--all", "--yes")

    assert redriven.code == 3
    assert {each["offset"]: each["why"] for each in redriven.objects} == {
        0: "attempts_spent",
        1: "topic_not_read",
        2: None,
        3: None,
        4: "partition_gone",
    }
    assert "1 left, attempts_spent: it failed as often as --max-attempts allows." in redriven.said
    assert "3 of the dead letters asked for were left." in redriven.said
    assert len(topics.put_back()) == 2
    assert topics.run("redrive", "--all", "--max-attempts", "4", "--yes").code == 3
    assert len(topics.put_back()) == 3


def test_a_limit_takes_the_oldest_first_and_the_next_run_goes_on(topics: Topics) -> None:
    topics.fail(
        topics.letter(failed_at_ms=MARCH, value=b"march"),
        topics.letter(failed_at_ms=JANUARY, value=b"january"),
        topics.letter(failed_at_ms=FEBRUARY, value=b"february"),
    )

    topics.run("redrive", "--all", "--limit", "2", "--yes")
    first = {record.value for record in topics.put_back()}
    topics.run("redrive", "--all", "--yes", "--rate", "1000")

    assert first == {b"january", b"february"}
    assert len(topics.put_back()) == 3


@pytest.mark.parametrize(
    ("arguments", "told_so"),
    [
        (["redrive", "--yes"], "say which dead letters"),
        (["redrive", "--all", "--reason", "undecodable", "--yes"], "say which dead letters"),
        (["redrive", "--all"], "there is nobody to ask"),
        (["redrive", "--reason", "bad_weather", "--yes"], "--reason"),
        (["list", "--since", "2026-02-01T00:00:00"], "no date and time with its zone"),
        (["list", "--until", "yesterday"], "no date and time with its zone"),
        (["list", "--limit", "-1"], "--limit"),
    ],
)
def test_arguments_that_cannot_be_used_are_told_before_kafka_is_asked(
    arguments: list[str], told_so: str
) -> None:
    topics = Topics(None, "events", "dead", {})  # type: ignore[arg-type] # no cluster, on purpose

    outcome = topics.run(*arguments, COLUMNS="200")

    assert outcome.code == 2
    assert told_so in outcome.said


def test_on_a_terminal_a_redrive_asks_first_and_no_means_no(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive_module, "_somebody_is_there", lambda: True)
    topics.fail(topics.letter())

    refused = topics.run("redrive", "--all", stdin="n\n")
    before = topics.put_back()
    agreed = topics.run("redrive", "--all", stdin="y\n")

    assert (refused.code, before) == (3, [])
    assert "Put 1 dead letter (1 audience_refused) back?" in refused.said
    assert agreed.code == 0
    assert len(topics.put_back()) == 1


def test_a_dead_letter_topic_that_does_not_exist_is_told_as_a_setting(topics: Topics) -> None:
    outcome = topics.run("list", KAFKA_DEAD_LETTER_TOPIC="no-such-topic")

    assert outcome.code == 2
    assert "KAFKA_DEAD_LETTER_TOPIC no-such-topic does not exist" in outcome.said


def test_a_reading_that_is_given_up_after_its_reader_was_closed_ends_quietly(
    topics: Topics,
) -> None:
    topics.fail(topics.letter(), topics.letter())
    properties = json.loads(topics.environ["KAFKA_PROPERTIES"])
    connection = KafkaConnection(topics.cluster.bootstrap_servers, "group", properties=properties)
    with DeadLetterReader(connection, topics.dead) as reader:
        records = reader.read(reader.spans())
        first = next(records)

    records.close()

    assert first.value == VALUE


def test_kafka_that_falls_silent_is_told_after_a_while(embedded_kafka: EmbeddedKafka) -> None:
    embedded_kafka.create_topic("dead", partitions=1)
    connection = KafkaConnection(
        embedded_kafka.bootstrap_servers, "group", properties=EMBEDDED_PROPERTIES
    )
    with DeadLetterReader(connection, "dead", stalled_seconds=0.2) as reader:
        embedded_kafka.set_broker_down()
        with pytest.raises(KafkaFatal, match=r"nothing came for 0\.2 seconds"):
            list(reader.read({0: (0, 10)}))


@pytest.mark.parametrize(
    ("api", "code"),
    [
        (ApiKey.INIT_PRODUCER_ID, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        (ApiKey.ADD_PARTITIONS_TO_TXN, KafkaError.TOPIC_AUTHORIZATION_FAILED),
        (ApiKey.PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED),
        (ApiKey.END_TXN, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    ],
)
def test_a_redrive_kafka_does_not_allow_says_which_rights_it_needs(api: ApiKey, code: int) -> None:
    with EmbeddedCluster() as kafka:
        topics = topics_on(kafka)
        topics.fail(topics.letter())
        kafka.push_errors(api, *[code] * 50)

        redriven = topics.run("redrive", "--all", "--yes")

    assert redriven.code == 4
    assert "WRITE and DESCRIBE on the transactional id segment-liveintent.redrive." in redriven.said


def test_a_redrive_outlasts_a_short_outage() -> None:
    with EmbeddedCluster() as kafka:
        topics = topics_on(kafka)
        topics.fail(*(topics.letter() for _ in range(3)))
        for api in (ApiKey.INIT_PRODUCER_ID, ApiKey.PRODUCE, ApiKey.END_TXN):
            kafka.push_errors(api, *[KafkaError._TRANSPORT] * 2)

        redriven = topics.run("redrive", "--all", "--yes")
        back = topics.put_back()

    assert redriven.code == 0
    assert len(back) == 3


def test_a_property_librdkafka_does_not_know_is_told(topics: Topics) -> None:
    outcome = topics.run("list", KAFKA_PROPERTIES='{"no.such": "1"}')

    assert outcome.code == 4
    assert "no.such" in outcome.said


def test_kafka_that_does_not_answer_is_told_with_exit_code_4() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        topics = Topics(
            None,  # type: ignore[arg-type] # there is none
            "events",
            "dead",
            {
                "KAFKA_BOOTSTRAP_SERVERS": address,
                "KAFKA_TOPICS": "events",
                "KAFKA_GROUP_ID": "group",
            },
        )

        outcome = topics.run("list")

    assert outcome.code == 4
    assert "Kafka does not answer" in outcome.said
