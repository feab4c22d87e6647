import json
import os
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumer.cli.app import app
from consumer.cli.event_values import EventValue
from consumer.cli.explain_direct_calls import direct_call_policy
from consumer.cli.explain_view import as_json_line, as_text, summary
from consumer.cli.explanation import Explanation, Verdict, explain_events
from consumer.cli.value_decoder import value_decoder
from consumer.errors import SettingsError
from consumer.record import IgnoreReason
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.reasons import in_words
from tests.direct_calls import ADA, MD5, SHA1, SHA256, a_direct_call_policy, a_visit
from tests.segment_events import Fields, a_policy, an_identify

TEA = a_visit("track", event="Product Viewed", properties={"name": "Tea", "product_id": "SKU-1"})


def explained(fields: Fields, policy: DirectCallPolicy | None = None) -> Explanation:
    (explanation,) = explain_events(
        [EventValue("event.json", json.dumps(fields).encode())],
        a_policy(),
        value_decoder({}),
        direct_calls=policy or a_direct_call_policy(),
    )
    return explanation


def as_object(fields: Fields) -> dict[str, object]:
    told = json.loads(as_json_line(explained(fields)))
    assert isinstance(told, dict)
    return told


def test_a_direct_call_is_told_with_its_event_and_every_hash() -> None:
    told = as_object(TEA)

    assert told.pop("direct_call") == {
        "sink": "collector",
        "event": {
            "event": "viewProduct",
            "name": "Tea",
            "items": [{"id": "SKU-1"}],
            "email": "*********",
            "ipv4": "203.0.113.7",
        },
        "event_id": "da6a84bf-d4c6-59d4-84a0-26b440e39ec5",
        "email_hashes": [MD5, SHA1, SHA256],
        "page_url": None,
    }
    assert told == {
        "message_id": "personas_7Hq2",
        "outcome": "direct_call",
        "reason": None,
        "changes": [],
        "direct_call_reason": None,
    }


def test_an_event_that_is_forwarded_nowhere_has_its_reason() -> None:
    told = as_object(a_visit("track", event="Coupon Applied"))

    assert told["outcome"] == "ignored"
    assert told["reason"] == "direct_call_unmapped"
    assert (told["direct_call"], told["direct_call_reason"]) == (None, "direct_call_unmapped")


def test_a_change_of_an_audience_is_no_question_of_direct_calls() -> None:
    told = as_object(an_identify())

    assert told["outcome"] == "changes"
    assert "direct_call" not in told


def test_people_are_told_what_is_forwarded_and_nothing_of_the_person() -> None:
    text = str(as_text(explained(TEA)))

    assert "direct_call\n" in text
    assert (
        "    forward to collector, for somebody known by an email: "
        '{"event": "viewProduct", "name": "Tea", "items": [{"id": "SKU-1"}]}'
    ) in text
    assert "203.0.113.7" not in text
    assert MD5 not in text
    assert ADA not in text


def test_people_are_told_that_only_an_address_is_known() -> None:
    assert "known by an address only" in str(as_text(explained(a_visit("page", email=None))))


def test_people_are_told_why_nothing_is_forwarded() -> None:
    text = str(as_text(explained(a_visit("page", context={"gdpr": 1}))))

    assert f"forwarded nowhere, no_consent: {in_words(IgnoreReason.NO_CONSENT)}" in text


def test_an_old_event_is_explained_like_a_new_one() -> None:
    old = a_visit("page", timestamp="2019-01-01T00:00:00Z", receivedAt="2019-01-01T00:00:00Z")

    assert explained(old, a_direct_call_policy(max_age_seconds=1)).verdict is Verdict.DIRECT_CALL


def test_forwarded_events_are_counted() -> None:
    counted = summary(Counter([explained(TEA).verdict]))

    assert str(counted).startswith("1 event: 0 with changes, 1 forwarded, 0 ignored, 0 rejected.")


# Which direct calls are explained.


def test_without_direct_calls_in_the_settings_there_are_none_to_explain() -> None:
    assert direct_call_policy(None, a_policy(), {}, env_file=None) is None


def test_the_settings_say_which_calls_are_forwarded() -> None:
    settings = {
        "DIRECT_CALLS": "page,track",
        "DIRECT_CALL_SINK": "collector",
        "LIVEINTENT_COLLECTOR_URL": "https://collector.example",
        "LIVEINTENT_APP_ID": "a-0000",
        "DIRECT_CALL_MAX_AGE_SECONDS": "60",
    }

    policy = direct_call_policy(None, a_policy(), settings, env_file=None)

    assert policy is not None
    assert (set(policy.calls), set(policy.sinks)) == ({"page", "track"}, {"collector"})
    assert policy.max_age_seconds == 60


def test_an_event_map_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(SettingsError, match="neither the path of a TOML file nor an event map"):
        direct_call_policy("nothing", a_policy(), {}, env_file=None)


def test_an_event_map_can_be_tried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("LIVEINTENT_", "SEGMENT_", "DIRECT_", "EVENT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LIVEINTENT_AUDIENCES", "vip")
    event_map, event = tmp_path / "ours.toml", tmp_path / "event.json"
    event_map.write_text('[track."Product Viewed"]\nevent = "viewContent"\n', "utf-8")
    event.write_text(json.dumps(TEA), "utf-8")

    result = CliRunner().invoke(app, ["explain", "--event-map", str(event_map), str(event)])

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["direct_call"]["event"]["event"] == "viewContent"
