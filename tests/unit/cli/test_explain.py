import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import typer
from typer.testing import CliRunner, Result

from consumer.audience.membership import AudienceKey
from consumer.choices import EmailHash, OnDeletion
from consumer.cli.event_values import EventValue
from consumer.cli.explain import explain
from consumer.cli.explain_view import as_json_line, as_text, summary
from consumer.cli.explanation import Explanation, Verdict, explain_events
from consumer.cli.value_decoder import value_decoder
from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox.segment_encoders import as_avro_bare, as_avro_container
from consumer.segment.membership_rules import MembershipPolicy, Note
from consumer.segment.reasons import in_words
from consumer.segment.schemas import default_schemas_directory
from consumer.service.from_settings import policy_from
from consumer.settings import load_membership_settings
from tests.segment_events import (
    EMAIL,
    KEY,
    OMITTED,
    Fields,
    a_plain_call,
    a_policy,
    a_track,
    an_identify,
    hashes_of,
    personas,
)

IDFA = "7D2A1F3C-90AB-4CDE-8F01-23456789ABCD"

app = typer.Typer()
app.command()(explain)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(
            ("LIVEINTENT_", "SEGMENT_", "MEMBERSHIP_", "EMAIL_", "EVENT_", "SCHEMA", "KAFKA_")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LIVEINTENT_AUDIENCES", KEY)


@pytest.fixture(autouse=True)
def _logs_of_the_command() -> Iterator[None]:
    """The command sends the process's logs to a stream that the test runner closes."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def run(*arguments: str, stdin: str | bytes = "", code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    assert result.exit_code == code, result.output
    return result


def objects(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def explained(fields: Fields | bytes, policy: MembershipPolicy | None = None) -> Explanation:
    value = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    (explanation,) = explain_events(
        [EventValue("event.json", value)], policy or a_policy(), value_decoder({})
    )
    return explanation


def as_object(fields: Fields | bytes, policy: MembershipPolicy | None = None) -> object:
    return json.loads(as_json_line(explained(fields, policy)))


# The JSON form


def test_an_event_with_changes_is_one_object_with_every_hash() -> None:
    assert as_object(an_identify(value=False)) == {
        "message_id": "personas_7Hq2",
        "outcome": "changes",
        "reason": None,
        "changes": [
            {
                "audience": KEY,
                "action": "remove",
                "identifiers": {"EMAIL_HASH": list(hashes_of(EMAIL))},
            }
        ],
    }


def test_the_identifiers_of_one_audience_and_action_stand_together_by_type() -> None:
    event = a_plain_call(
        "identify",
        traits={"email": EMAIL, "a": True, "b": False, "ios_idfa": IDFA, "android_idfa": IDFA},
    )
    identifiers = {
        "EMAIL_HASH": list(hashes_of(EMAIL)),
        "IDFA": [IDFA],
        "AAID": [IDFA.lower()],
    }

    told = as_object(event, a_policy("a", "b"))

    assert isinstance(told, dict)
    assert told["changes"] == [
        {"audience": "a", "action": "add", "identifiers": identifiers},
        {"audience": "b", "action": "remove", "identifiers": identifiers},
    ]


@pytest.mark.parametrize(
    ("event", "outcome", "reason"),
    [
        (an_identify(email=OMITTED), "ignored", "no_identifier"),
        (a_plain_call("alias"), "ignored", "unsupported_type"),
        (a_plain_call("poll"), "rejected", "invalid_event"),
        (an_identify(timestamp="yesterday"), "rejected", "invalid_event"),
    ],
)
def test_an_event_without_changes_has_a_reason(event: Fields, outcome: str, reason: str) -> None:
    assert as_object(event) == {
        "message_id": "personas_7Hq2",
        "outcome": outcome,
        "reason": reason,
        "changes": [],
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{broken", "undecodable"),
        (b'{"a": NaN}', "undecodable"),
        (b"[]", "invalid_event"),
        (b"7", "invalid_event"),
    ],
)
def test_a_value_that_is_no_event_is_rejected_without_an_id(value: bytes, reason: str) -> None:
    told: object = {"message_id": None, "outcome": "rejected", "reason": reason, "changes": []}

    assert as_object(value) == told


def test_an_event_that_would_be_dead_lettered_for_its_audience_is_rejected() -> None:
    policy = MembershipPolicy(audiences=frozenset(), every_audience=True)
    event = an_identify(key="a/b", context={"personas": personas("a/b")})

    explanation = explained(event, policy)

    assert explanation.reason is RejectReason.INVALID_AUDIENCE_NAME
    assert explanation.message_id == "personas_7Hq2"


def test_connects_envelope_is_opened() -> None:
    envelope = {"schema": None, "payload": a_plain_call("poll")}

    assert explained({"schema": None, "payload": an_identify()}).verdict is Verdict.CHANGES
    assert explained(json.dumps(envelope).encode()).message_id == "personas_7Hq2"


def test_an_id_that_no_terminal_could_show_is_still_written() -> None:
    explanation = explained(an_identify(messageId="\ud800\x1b[2J"))

    assert json.loads(as_json_line(explanation))["message_id"] == "\ud800\x1b[2J"
    assert "??[2J" in as_text(explanation).plain


# The text form


def test_the_text_says_who_goes_where_and_shows_no_whole_identifier() -> None:
    event = an_identify(traits={"ios_idfa": IDFA})
    md5 = hashes_of(EMAIL)[0]

    text = as_text(explained(event)).plain

    assert "personas_7Hq2  identify about spring_sale_openers (event.json)" in text
    assert f"add to {KEY}: EMAIL_HASH {md5[:8]}... (md5)" in text
    assert "IDFA 7D2A1F3C..." in text
    assert not any(value in text for value in (*hashes_of(EMAIL), IDFA, EMAIL))


def test_the_text_gives_the_reason_in_words() -> None:
    text = as_text(explained(an_identify(email=OMITTED))).plain

    assert f"ignored  no_identifier: {in_words(IgnoreReason.NO_IDENTIFIER)}" in text


def test_the_text_gives_the_detail_of_a_rejection() -> None:
    text = as_text(explained(a_plain_call("poll"))).plain

    assert f"rejected  invalid_event: {in_words(RejectReason.INVALID_EVENT)}" in text
    assert "\n    type is none of identify" in text


def test_the_text_tells_of_the_parts_that_ask_for_nothing_and_of_oddities() -> None:
    event = a_plain_call("identify", traits={"a": True, "b": 1, "c": 1, "email": EMAIL})
    odd = a_track(event="Audience Exited", messageId=OMITTED)

    assert (
        "\n    and 2 more, bad_membership: "
        in as_text(explained(event, a_policy("a", "b", "c"))).plain
    )
    assert f"\n    {Note.EVENT_NAME_MISMATCH}: " in as_text(explained(odd)).plain
    assert as_text(explained(odd)).plain.startswith("(no message id)  track")


@pytest.mark.parametrize(
    ("verdicts", "first_line", "is_cautious"),
    [
        ([Verdict.IGNORED], "1 event: 0 with changes, 1 ignored, 0 rejected.", False),
        (
            [Verdict.CHANGES, Verdict.REJECTED],
            "2 events: 1 with changes, 0 ignored, 1 rejected.",
            True,
        ),
    ],
)
def test_the_summary_counts_and_says_what_it_cannot_know(
    verdicts: list[Verdict], first_line: str, is_cautious: bool
) -> None:
    text = summary(Counter(verdicts)).plain

    assert text.splitlines()[0] == first_line
    assert ("duplicate" in text) is is_cautious


# The command


def test_files_are_explained_in_order_and_any_outcome_is_a_success(tmp_path: Path) -> None:
    pretty, lines = tmp_path / "one.json", tmp_path / "two.jsonl"
    pretty.write_text(json.dumps(an_identify(messageId="m-1"), indent=2))
    lines.write_text(f"{json.dumps(a_plain_call('alias', messageId='m-2'))}\n{{broken\n")

    result = run("--json", str(pretty), str(lines))

    assert [(told["message_id"], told["outcome"]) for told in objects(result)] == [
        ("m-1", "changes"),
        ("m-2", "ignored"),
        (None, "rejected"),
    ]
    assert result.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["-"], ["--json"], ["--json", "-"]])
def test_standard_input_is_read_and_json_is_written_where_there_is_no_terminal(
    arguments: list[str],
) -> None:
    result = run(*arguments, stdin=json.dumps(an_identify()))

    assert [told["outcome"] for told in objects(result)] == ["changes"]


def test_a_terminal_gets_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    result = run(stdin=json.dumps(an_identify()))

    assert f"add to {KEY}" in result.stdout
    assert "1 event: 1 with changes" in result.stdout


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_explained(tmp_path: Path) -> None:
    good, missing = tmp_path / "good.json", tmp_path / "missing.json"
    good.write_text(json.dumps(an_identify()))

    result = run(str(missing), str(tmp_path), str(good), code=2)

    assert [told["outcome"] for told in objects(result)] == ["changes"]
    assert f"{missing} cannot be read: No such file or directory." in result.stderr
    assert f"{tmp_path} cannot be read: Is a directory." in result.stderr


def test_without_audiences_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVEINTENT_AUDIENCES")

    result = run(stdin=json.dumps(an_identify()))

    assert objects(result)[0]["reason"] == "audience_not_configured"
    assert "LIVEINTENT_AUDIENCES is empty" in result.stderr


def test_settings_come_from_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LIVEINTENT_AUDIENCES")
    env_file = tmp_path / "settings.env"
    env_file.write_text("LIVEINTENT_AUDIENCES=*\nEMAIL_HASHES=sha256\n")

    result = run("--env-file", str(env_file), stdin=json.dumps(an_identify()))

    assert objects(result)[0]["changes"] == [
        {"audience": KEY, "action": "add", "identifiers": {"EMAIL_HASH": [hashes_of(EMAIL)[2]]}}
    ]


def test_every_membership_setting_reaches_the_rules() -> None:
    settings = load_membership_settings(
        {
            "LIVEINTENT_AUDIENCES": "vip, gold,*",
            "SEGMENT_INTEGRATION_NAMES": "Event Stream",
            "SEGMENT_CONSENT_CATEGORIES": "Advertising,Sharing",
            "MEMBERSHIP_STRING_BOOLEANS": "true",
            "MEMBERSHIP_VALUELESS_JOURNEY_STEPS": "true",
            "EMAIL_HASHES": "sha256",
        }
    )

    assert policy_from(settings) == MembershipPolicy(
        audiences=a_policy("vip", "gold").audiences,
        every_audience=True,
        integration_names=frozenset({"Event Stream"}),
        consent_categories=frozenset({"Advertising", "Sharing"}),
        string_booleans=True,
        valueless_journey_steps=True,
        email_hashes=(EmailHash.SHA256,),
    )


def test_the_settings_defaults_are_the_rules_defaults() -> None:
    assert policy_from(load_membership_settings({"LIVEINTENT_AUDIENCES": KEY})) == a_policy()


def test_every_event_of_a_container_file_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVENT_FORMAT", "avro-container")
    file = tmp_path / "events.avro"
    file.write_bytes(
        as_avro_container(
            [an_identify(), {"type": "identify", "timestamp": "soon"}], codec="deflate"
        )
    )

    told = objects(run("--json", str(file)))

    assert [(each["outcome"], each["reason"]) for each in told] == [
        ("changes", None),
        ("rejected", "invalid_event"),
    ]


def test_bare_avro_is_explained_whatever_bytes_it_begins_and_ends_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVENT_FORMAT", "avro-bare")
    monkeypatch.setenv(
        "EVENT_SCHEMA_FILE", str(default_schemas_directory() / "segment_event.v1.avsc")
    )
    bare, in_json = tmp_path / "event.bin", tmp_path / "event.json"
    value = as_avro_bare({**an_identify(), "messageId": "five5"})
    assert value.startswith(b"\n")  # a text of five characters
    bare.write_bytes(value)
    in_json.write_text(json.dumps(an_identify()))

    assert [each["outcome"] for each in objects(run("--json", str(bare), str(in_json)))] == [
        "changes",
        "changes",
    ]


def a_deletion(**fields: object) -> Fields:
    return a_plain_call("delete", **{"context": [], "integrations": [], **fields})


def deletion_policy(
    *audiences: str, every_audience: bool = False, categories: frozenset[str] = frozenset()
) -> MembershipPolicy:
    return MembershipPolicy(
        audiences=frozenset(AudienceKey(name) for name in audiences),
        every_audience=every_audience,
        consent_categories=categories,
    )


def test_a_deletion_shows_every_audience_its_person_would_leave() -> None:
    policy = deletion_policy(KEY, every_audience=True)
    event = a_deletion(traits={"email": EMAIL})

    told = json.loads(as_json_line(explained(event, policy)))
    text = str(as_text(explained(event, policy)))

    assert told["outcome"] == "changes"
    assert [(each["audience"], each["action"]) for each in told["changes"]] == [
        (KEY, "remove"),
        ("*", "remove"),
    ]
    assert told["changes"][0]["identifiers"] == {"EMAIL_HASH": list(hashes_of(EMAIL))}
    assert "Segment asks to erase this user." in text
    assert "remove from every other audience the service has met since its start: EMAIL" in text


def test_a_deletion_of_a_user_id_alone_says_what_is_missing() -> None:
    explanation = explained(a_deletion(), replace(deletion_policy(), on_deletion=OnDeletion.REMOVE))

    assert (explanation.verdict, explanation.reason) == (Verdict.IGNORED, IgnoreReason.DELETION)
    assert "no email, hash or advertising id" in str(as_text(explanation))


def test_a_deletion_that_nobody_can_follow_is_rejected() -> None:
    (told,) = objects(run("--json", stdin=json.dumps(a_deletion())))

    assert (told["outcome"], told["reason"]) == ("rejected", "unusable_deletion")


def test_a_deletion_without_any_audience_to_leave_is_ignored() -> None:
    explanation = explained(a_deletion(traits={"email": EMAIL}), deletion_policy())

    assert (explanation.verdict, explanation.reason) == (Verdict.IGNORED, IgnoreReason.DELETION)


def test_consent_that_is_taken_back_shows_whom_it_removes() -> None:
    context = {"consent": {"categoryPreferences": {}}, "traits": {"email": EMAIL}}
    event = a_plain_call("track", event="Segment Consent Preference Updated", context=context)
    explanation = explained(event, deletion_policy(KEY, categories=frozenset({"Advertising"})))

    assert explanation.verdict is Verdict.CHANGES
    assert "The person took back consent" in str(as_text(explanation))


# Which feed's settings count.


FEEDS = """
[[feed]]
topics = ["rows"]
format = "json"
mapping = "rows.toml"

[[feed]]
topics = ["bare"]
format = "avro-bare"
schema_file = "event.avsc"
"""
ROW = {"kind": "identify", "message": "m-1", KEY: True, "email": EMAIL}


@pytest.fixture
def _feeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "feeds.toml").write_text(FEEDS)
    (tmp_path / "rows.toml").write_text(
        "[call]\nmessageId = 'message'\ntype = 'kind'\n[traits]\ncolumns = ['*']\n"
    )
    v1 = default_schemas_directory() / "segment_event.v1.avsc"
    (tmp_path / "event.avsc").write_bytes(v1.read_bytes())
    monkeypatch.setenv("EVENT_FEEDS_FILE", str(tmp_path / "feeds.toml"))
    monkeypatch.setenv("EVENT_FORMAT", "json")


@pytest.mark.usefixtures("_feeds")
def test_a_topic_is_read_by_the_mapping_of_its_feed() -> None:
    (told,) = objects(run("--topic", "rows", stdin=json.dumps(ROW)))

    assert (told["message_id"], told["outcome"]) == ("m-1", "changes")


@pytest.mark.usefixtures("_feeds")
def test_without_its_topic_the_same_value_is_no_event() -> None:
    (told,) = objects(run(stdin=json.dumps(ROW)))

    assert (told["outcome"], told["reason"]) == ("rejected", "invalid_event")


@pytest.mark.usefixtures("_feeds")
def test_a_topic_of_bare_avro_is_read_by_its_schema(tmp_path: Path) -> None:
    file = tmp_path / "event.bin"
    file.write_bytes(as_avro_bare(an_identify()))

    (told,) = objects(run("--topic", "bare", str(file)))

    assert told["outcome"] == "changes"


@pytest.mark.usefixtures("_feeds")
def test_a_topic_that_no_feed_names_is_said_to_be_read_as_all_others() -> None:
    result = run("--topic", "elsewhere", stdin=json.dumps(an_identify()))

    assert objects(result)[0]["outcome"] == "changes"
    assert "No feed of EVENT_FEEDS_FILE names elsewhere" in result.stderr


@pytest.mark.usefixtures("_feeds")
def test_a_topic_and_a_mapping_to_try_out_exclude_each_other() -> None:
    result = run("--topic", "rows", "--mapping", "segment-json", stdin="{}", code=2)

    assert "try out others" in result.stderr
