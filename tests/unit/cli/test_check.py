"""What `check` makes of each thing it can find; the looking itself is in tests/contract/test_check.py."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import KafkaError
from rich.console import Console

from consumer.cli.checks import kafka as kafka_checks
from consumer.cli.checks.findings import Check, Finding, Result, failed, ok
from consumer.cli.checks.kafka import kafka_findings
from consumer.cli.checks.liveintent import audience_finding
from consumer.cli.checks.liveintent_trouble import once, trouble_finding
from consumer.cli.checks.schemas import schema_findings
from consumer.cli.checks.view import as_json_line, as_line, summary
from consumer.errors import OffsetsUnknown
from consumer.kafka.first_start import PartitionStart, StartReason
from consumer.kafka.inspection import Brokers, KafkaInspection, NoTopic, TopicFound, TopicRules
from consumer.kafka.offset_ledger import PartitionId
from consumer.kafka.trouble import KafkaTrouble, TroubleKind, trouble_of
from consumer.liveintent.audience_prospects import Foretold, Prospect
from consumer.liveintent.shapes import AudienceId
from consumer.liveintent.upload_outcome import RetryCause, RetryLater, Unauthorised
from consumer.settings import EventSettings, KafkaSettings, load_part

THREE_BROKERS = Brokers(3)
SHORT_OF_A_WEEKEND = "keeps dead letters for 24 hours only"


class FakeInspection:
    """A Kafka that is as the test says. Stands in for KafkaInspection."""

    def __init__(
        self,
        *,
        topics: Mapping[str, TopicFound | NoTopic | KafkaTrouble] | None = None,
        rules: Mapping[str, TopicRules] | None = None,
        starts: list[PartitionStart] | KafkaTrouble | OffsetsUnknown | None = None,
        reached: Brokers | KafkaTrouble = THREE_BROKERS,
    ) -> None:
        self._topics = {"events": TopicFound(2), "dead": TopicFound(1), **(topics or {})}
        self._rules = rules or {}
        self._starts = [] if starts is None else starts
        self._reached = reached
        self.closed = False

    def __enter__(self) -> "FakeInspection":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def reach(self, _topic: str) -> Brokers | KafkaTrouble:
        return self._reached

    def members(self, _group_id: str) -> None:
        return None

    def rules(self, topics: list[str]) -> Mapping[str, TopicRules]:
        return {topic: self._rules.get(topic, TopicRules()) for topic in topics}

    def topic(self, topic: str) -> TopicFound | NoTopic | KafkaTrouble:
        return self._topics[topic]

    def starts(self, *_: object, **__: object) -> list[PartitionStart] | KafkaTrouble:
        if isinstance(self._starts, OffsetsUnknown):
            raise self._starts
        return self._starts


def kafka_settings(**more: str) -> KafkaSettings:
    return load_part(
        KafkaSettings,
        {
            "KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
            "KAFKA_TOPICS": "events",
            "KAFKA_GROUP_ID": "group",
            "KAFKA_DEAD_LETTER_TOPIC": "dead",
            **more,
        },
    )


def found_in(
    inspection: FakeInspection | KafkaTrouble,
    monkeypatch: pytest.MonkeyPatch,
    settings: KafkaSettings | None = None,
) -> list[Finding]:
    opened = cast("KafkaInspection | KafkaTrouble", inspection)
    monkeypatch.setattr(KafkaInspection, "open", lambda *_, **__: opened)
    return list(kafka_findings(settings or kafka_settings(), seconds=1.0))


def the(check: Check, findings: list[Finding]) -> Finding:
    (finding,) = [each for each in findings if each.check is check]
    return finding


def started(*reasons: StartReason) -> list[PartitionStart]:
    return [
        PartitionStart(PartitionId("events", number), 7, reason)
        for number, reason in enumerate(reasons)
    ]


def test_a_right_that_brokers_tell_of_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    inspection = FakeInspection(
        rules={"events": TopicRules(may_read=True), "dead": TopicRules(may_write=True)}
    )

    findings = found_in(inspection, monkeypatch)

    assert findings == [
        ok(Check.KAFKA, "3 brokers reached"),
        ok(
            Check.GROUP,
            "we join group group as a member, by the classic protocol; the brokers do not tell who is in it",
        ),
        ok(Check.TOPIC, "2 partitions, and we may read it", subject="events"),
        ok(Check.START, "group group goes on at its committed offsets", subject="events"),
        ok(Check.DEAD_LETTER_TOPIC, "1 partition, and we may write to it", subject="dead"),
    ]
    assert inspection.closed


@pytest.mark.parametrize(
    ("check", "topic", "rules", "right"),
    [
        (Check.TOPIC, "events", TopicRules(may_read=False, may_write=True), "READ"),
        (Check.DEAD_LETTER_TOPIC, "dead", TopicRules(may_read=True, may_write=False), "WRITE"),
    ],
)
def test_a_right_we_lack_fails_its_topic(
    check: Check, topic: str, rules: TopicRules, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = the(check, found_in(FakeInspection(rules={topic: rules}), monkeypatch))

    assert (finding.result, finding.subject) == (Result.FAILED, topic)
    assert finding.advice == f"Grant our user {right} on it."


def test_a_topic_we_may_not_ask_about_says_which_rights_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble = trouble_of(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    findings = found_in(FakeInspection(topics={"events": trouble}), monkeypatch)

    assert the(Check.TOPIC, findings).result is Result.FAILED
    assert "Grant our user READ" in (the(Check.TOPIC, findings).advice or "")
    assert [each for each in findings if each.check is Check.START] == []


def test_a_group_that_may_not_be_asked_about_fails_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble = trouble_of(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))

    finding = the(Check.START, found_in(FakeInspection(starts=trouble), monkeypatch))

    assert finding.result is Result.FAILED
    assert "KAFKA_GROUP_ID" in (finding.advice or "")


@pytest.mark.parametrize(
    ("reasons", "detail"),
    [
        ([StartReason.COMMITTED] * 2, "group group goes on at its committed offsets"),
        (
            [StartReason.COMMITTED, StartReason.NEW_PARTITION],
            "group group goes on at its committed offsets; 1 new partition will be read from the beginning",
        ),
        (
            [StartReason.FIRST_START] * 2,
            "group group has no offsets yet and begins at latest (KAFKA_FIRST_START)",
        ),
    ],
)
def test_where_the_group_would_start_is_told_in_words(
    reasons: list[StartReason], detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = found_in(
        FakeInspection(starts=started(*reasons)),
        monkeypatch,
        kafka_settings(KAFKA_FIRST_START="latest"),
    )

    assert the(Check.START, findings) == ok(Check.START, detail, subject="events")


def test_unknown_offsets_fail_with_the_words_the_service_would_end_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = OffsetsUnknown("Group group has no committed offsets. Set KAFKA_FIRST_START.")

    findings = found_in(FakeInspection(starts=error), monkeypatch)

    assert the(Check.START, findings) == failed(Check.START, str(error), subject="events")


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"cleanup.policy": "compact"}, "is compacted"),
        ({"cleanup.policy": "compact,delete"}, "is compacted"),
        ({"retention.ms": "86400000"}, SHORT_OF_A_WEEKEND),
        ({"max.message.bytes": "1000"}, "takes records of at most 1000 bytes"),
    ],
)
def test_a_dead_letter_topic_that_would_lose_or_block_dead_letters_is_warned_of(
    settings: dict[str, str], detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {
        "events": TopicRules(settings={"max.message.bytes": "1048588"}),
        "dead": TopicRules(settings={"cleanup.policy": "delete", **settings}),
    }

    *_, last = found_in(FakeInspection(rules=rules), monkeypatch)

    assert (last.check, last.result) == (Check.DEAD_LETTER_TOPIC, Result.WARNING)
    assert last.detail.startswith(detail)
    assert last.advice


@pytest.mark.parametrize("retention_ms", ["-1", "604800000", "259200000"])
def test_a_dead_letter_topic_that_keeps_them_long_enough_is_not_warned_of(
    retention_ms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {"dead": TopicRules(settings={"retention.ms": retention_ms})}

    findings = found_in(FakeInspection(rules=rules), monkeypatch)

    assert the(Check.DEAD_LETTER_TOPIC, findings).result is Result.OK


def test_of_an_unreachable_kafka_the_rest_is_not_called_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble = KafkaTrouble(TroubleKind.NOT_AUTHENTICATED, "SASL authentication failed")

    first, *others = found_in(FakeInspection(reached=trouble), monkeypatch)

    assert (first.check, first.result) == (Check.KAFKA, Result.FAILED)
    assert "sasl" in (first.advice or "")
    assert {each.result for each in others} == {Result.WARNING}
    assert [each.check for each in others] == [
        Check.GROUP,
        Check.TOPIC,
        Check.DEAD_LETTER_TOPIC,
        Check.START,
    ]


def test_properties_librdkafka_refuses_fail_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = KafkaTrouble(TroubleKind.PROPERTIES, 'No such configuration property: "nope"')

    first, *_ = found_in(trouble, monkeypatch)

    assert first == failed(
        Check.KAFKA,
        'No such configuration property: "nope"',
        advice="Correct KAFKA_PROPERTIES or KAFKA_PROPERTIES_FILE.",
    )


def test_every_kind_of_trouble_comes_with_advice() -> None:
    assert set(kafka_checks._ADVICE) == set(TroubleKind)


def test_trouble_does_not_repeat_a_password_or_a_person() -> None:
    error = KafkaError(
        KafkaError._RESOLVE, "https://user:secret@host cannot be resolved, ann@example.com"
    )

    assert "secret" not in trouble_of(error).reason
    assert "ann@example.com" not in trouble_of(error).reason


@pytest.mark.parametrize(
    ("foretold", "result", "words"),
    [
        (Foretold(Prospect.USE, AudienceId(5)), Result.OK, "is there, with id 5"),
        (Foretold(Prospect.CREATE), Result.OK, "will be created"),
        (Foretold(Prospect.ACTIVATE, AudienceId(5)), Result.OK, "will be activated"),
        (Foretold(Prospect.REFUSE_ARCHIVED, AudienceId(5)), Result.FAILED, "archived (id 5)"),
        (Foretold(Prospect.REFUSE_DELETED), Result.FAILED, "was deleted"),
        (Foretold(Prospect.REFUSE_ABSENT), Result.FAILED, "none is to be created"),
        (
            Foretold(Prospect.USE, AudienceId(5), (AudienceId(6), AudienceId(9))),
            Result.WARNING,
            "5, the earliest created, is used, not 6, 9",
        ),
    ],
)
def test_what_becomes_of_an_audience_is_told_with_advice_unless_all_is_well(
    foretold: Foretold, result: Result, words: str
) -> None:
    finding = audience_finding("vip", foretold)

    assert (finding.result, finding.subject) == (result, "vip")
    assert words in finding.detail
    assert (finding.advice is None) is (result is Result.OK)


@pytest.mark.parametrize(
    ("outcome", "words", "setting"),
    [
        (RetryLater(RetryCause.UNREACHABLE), "no connection could be made", "LIVEINTENT_URL"),
        (RetryLater(RetryCause.TIMEOUT), "no answer in time", "LIVEINTENT_URL"),
        (RetryLater(RetryCause.RESET, detail="x"), "connection broke", "later"),
        (RetryLater(RetryCause.RATE_LIMITED, detail="429"), "too many requests: 429", "PER_SECOND"),
        (RetryLater(RetryCause.SERVER_ERROR, detail="503"), "own: 503", "status page"),
        (RetryLater(RetryCause.UNEXPECTED_ANSWER, detail="404"), "is not LiveIntent", "_URL"),
        (Unauthorised("401"), "does not accept our API key: 401", "LIVEINTENT_API_KEY"),
    ],
)
def test_a_call_that_came_to_nothing_says_why_and_what_to_set(
    outcome: RetryLater | Unauthorised, words: str, setting: str
) -> None:
    finding = trouble_finding(Check.LIVEINTENT, outcome)

    assert finding.result is Result.FAILED
    assert words in finding.detail
    assert setting in (finding.advice or "")


async def test_a_call_that_never_ends_is_given_up() -> None:
    assert await once(asyncio.Event().wait(), seconds=0.01) == RetryLater(RetryCause.TIMEOUT)


def test_json_needs_no_schemas() -> None:
    assert looked_for_schemas(EVENT_FORMAT="json").result is Result.OK


def test_the_schemas_that_come_with_the_program_can_be_used() -> None:
    assert looked_for_schemas(EVENT_FORMAT="avro-single-object").result is Result.OK


@pytest.mark.parametrize("content", [None, "{", '"string"'])
def test_a_directory_without_usable_schemas_fails(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "event.avsc").write_text(content)

    finding = looked_for_schemas(EVENT_FORMAT="avro-single-object", SCHEMAS_DIRECTORY=str(tmp_path))

    assert (finding.check, finding.result) == (Check.SCHEMAS, Result.FAILED)
    assert "SCHEMAS_DIRECTORY" in (finding.advice or "")


def test_a_schema_that_may_not_be_read_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "event.avsc").touch()
    monkeypatch.setattr(Path, "read_text", refuse)

    finding = looked_for_schemas(EVENT_FORMAT="avro-single-object", SCHEMAS_DIRECTORY=str(tmp_path))

    assert finding.detail == f"{tmp_path} cannot be read: Permission denied"


def looked_for_schemas(**environ: str) -> Finding:
    (finding,) = asyncio.run(looked_for_every_schema(environ))
    return finding


async def looked_for_every_schema(environ: dict[str, str]) -> list[Finding]:
    settings = load_part(EventSettings, environ)
    return [finding async for finding in schema_findings(settings, seconds=1.0)]


def test_every_source_that_some_feed_needs_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "bare.avsc").write_text("{}")
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(
        '[[feed]]\ntopics = ["a"]\nformat = "avro-single-object"\n'
        '[[feed]]\ntopics = ["b"]\nformat = "avro-bare"\nschema_file = "bare.avsc"\n'
    )
    found = asyncio.run(
        looked_for_every_schema({"EVENT_FORMAT": "json", "EVENT_FEEDS_FILE": str(feeds)})
    )

    assert [finding.result for finding in found] == [Result.OK, Result.FAILED]
    assert "bare.avsc cannot be used" in found[1].detail


def test_container_files_need_no_schema_from_elsewhere() -> None:
    finding = looked_for_schemas(EVENT_FORMAT="avro-container")

    assert (finding.result, finding.detail) == (
        Result.OK,
        "its files bring theirs: EVENT_FORMAT is avro-container",
    )


def test_a_json_line_always_has_the_same_fields() -> None:
    line = as_json_line(ok(Check.TOPIC, "6 partitions", subject="événements"))

    assert line.isascii()
    assert json.loads(line) == {
        "check": "topic",
        "subject": "événements",
        "result": "ok",
        "detail": "6 partitions",
        "advice": None,
    }


@pytest.mark.parametrize(("glyphs", "mark"), [(True, "✘ failed"), (False, "failed")])
def test_a_line_for_people_begins_with_how_it_came_out(glyphs: bool, mark: str) -> None:
    text = printed(failed(Check.KAFKA, "refused", advice="Start it."), glyphs=glyphs)

    assert text.splitlines()[0].startswith(mark)
    assert "Kafka: refused" in text.splitlines()[0]
    assert text.splitlines()[1].strip() == "Start it."


def test_what_others_named_cannot_move_the_cursor() -> None:
    assert "\x1b" not in printed(ok(Check.AUDIENCE, "\x1b[2J", subject="\x1b]0;x\x07"))


def test_the_summary_counts_failures_and_warnings() -> None:
    assert summary(Counter({Result.OK: 4})) == "Nothing failed in 4 checks."
    assert (
        summary(Counter({Result.OK: 4, Result.WARNING: 1}))
        == "Nothing failed in 5 checks; 1 warning."
    )
    assert (
        summary(Counter({Result.OK: 4, Result.WARNING: 2}))
        == "Nothing failed in 6 checks; 2 warnings."
    )
    assert summary(Counter({Result.OK: 4, Result.FAILED: 1})) == "1 of 5 checks failed."


def printed(finding: Finding, *, glyphs: bool = True) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(as_line(finding, glyphs=glyphs))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return] # a StringIO
