from pathlib import Path

import pytest

from consumer.choices import OnDeletion, PrivacyJurisdiction, PrivacyRequests
from consumer.service.from_settings import policy_from, privacy_terms
from consumer.settings import SECRET_NAMES, load_settings
from tests.unit.settings_builders import COMPLETE, problems_with

ON = {
    "PRIVACY_REQUESTS": "erase",
    "LIVEINTENT_PRIVACY_URL": "https://privacy.example",
    "LIVEINTENT_PRIVACY_TOKEN": "privacy-secret",
}


def test_nothing_is_asked_of_the_privacy_api_unless_it_is_switched_on() -> None:
    settings = load_settings(COMPLETE)

    assert settings.privacy_requests == ()
    assert settings.liveintent_privacy_url is None
    assert settings.segment_deletions is OnDeletion.STRICT
    assert policy_from(settings).on_deletion is OnDeletion.STRICT


def test_switched_on_it_needs_an_address_and_a_token_and_has_no_default_of_either() -> None:
    assert problems_with({"PRIVACY_REQUESTS": "erase"}) == [
        "LIVEINTENT_PRIVACY_URL is required when PRIVACY_REQUESTS is set.",
        "LIVEINTENT_PRIVACY_TOKEN is required when PRIVACY_REQUESTS is set.",
    ]


def test_what_is_asked_for_can_be_listed() -> None:
    settings = load_settings(
        COMPLETE
        | ON
        | {
            "PRIVACY_REQUESTS": "erase, restrict",
            "SEGMENT_CONSENT_CATEGORIES": "Advertising",
            "PRIVACY_JURISDICTION": "EU_PRIVACY",
        }
    )

    assert settings.privacy_requests == tuple(PrivacyRequests)
    assert privacy_terms(settings).jurisdiction is PrivacyJurisdiction.EU_PRIVACY
    assert privacy_terms(settings).scope is None


def test_the_token_is_a_secret_that_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    environ = {**COMPLETE, **ON, "LIVEINTENT_PRIVACY_TOKEN": ""}
    settings = load_settings(environ | {"LIVEINTENT_PRIVACY_TOKEN_FILE": str(file)})

    assert settings.liveintent_privacy_token is not None
    assert settings.liveintent_privacy_token.read() == "from-a-file"
    assert "LIVEINTENT_PRIVACY_TOKEN" in SECRET_NAMES
    assert "privacy-secret" not in repr(load_settings(COMPLETE | ON))


@pytest.mark.parametrize(
    "scope", ["advertiser", "advertiser:0", "advertiser:x", "planet:1", "advertiser:9999999999"]
)
def test_a_scope_that_cannot_be_meant_is_refused(scope: str) -> None:
    (problem,) = problems_with({**ON, "PRIVACY_SCOPE": scope})

    assert problem.startswith("PRIVACY_SCOPE must be advertiser, publisher or media_group")


@pytest.mark.parametrize("scope", ["media_group:3", "global"])
def test_a_scope_beyond_one_advertiser_or_publisher_must_be_allowed_expressly(scope: str) -> None:
    (problem,) = problems_with({**ON, "PRIVACY_SCOPE": scope})

    assert "PRIVACY_WIDE_SCOPE=true" in problem
    allowed = load_settings(COMPLETE | ON | {"PRIVACY_SCOPE": scope, "PRIVACY_WIDE_SCOPE": "true"})
    assert privacy_terms(allowed).scope is not None


def test_what_would_never_be_asked_for_is_refused() -> None:
    assert problems_with({**ON, "SEGMENT_DELETIONS": "ignore"}) == [
        "PRIVACY_REQUESTS must not have erase when SEGMENT_DELETIONS is ignore."
    ]
    assert problems_with({**ON, "PRIVACY_REQUESTS": "restrict"}) == [
        "PRIVACY_REQUESTS must not have restrict when SEGMENT_CONSENT_CATEGORIES is unset: nobody's consent is looked at."
    ]


def test_a_misspelt_privacy_setting_is_noticed() -> None:
    (problem,) = problems_with({"PRIVACY_REQUEST": "erase"})

    assert problem == "PRIVACY_REQUEST is not a setting; did you mean PRIVACY_REQUESTS?"
