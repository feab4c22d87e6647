from collections.abc import Mapping

import pytest

from consumer.segment.addressing import Addressing, addressing_of, has_consent, has_near_miss

NAMES = frozenset({"LiveIntent Audiences", "Kafka"})


@pytest.mark.parametrize(
    ("integrations", "addressing"),
    [
        ({}, Addressing.ADDRESSED),
        ({"All": True}, Addressing.ADDRESSED),
        ({"All": None}, Addressing.ADDRESSED),
        ({"All": "false"}, Addressing.ADDRESSED),  # only a real false switches anything off
        ({"All": 0}, Addressing.ADDRESSED),
        ({"Mixpanel": False}, Addressing.ADDRESSED),
        ({"All": False}, Addressing.NOT_ADDRESSED),
        ({"All": False, "Mixpanel": True}, Addressing.NOT_ADDRESSED),
        ({"All": False, "LiveIntent Audiences": True}, Addressing.ADDRESSED),
        ({"All": False, "Kafka": True}, Addressing.ADDRESSED),
        ({"All": False, "LiveIntent Audiences": {"list": "spring"}}, Addressing.ADDRESSED),
        ({"All": False, "LiveIntent Audiences": {}}, Addressing.ADDRESSED),
        ({"All": False, "LiveIntent Audiences": "true"}, Addressing.NOT_ADDRESSED),
        ({"All": False, "LiveIntent Audiences": 1}, Addressing.NOT_ADDRESSED),
        ({"All": False, "LiveIntent Audiences": None}, Addressing.NOT_ADDRESSED),
        ({"All": False, "liveintent audiences": True}, Addressing.NOT_ADDRESSED),
        ({"All": False, "LiveIntent Audiences": False}, Addressing.NOT_ADDRESSED),
        ({"LiveIntent Audiences": False}, Addressing.OPTED_OUT),
        ({"All": True, "LiveIntent Audiences": False}, Addressing.OPTED_OUT),
        ({"All": False, "Kafka": True, "LiveIntent Audiences": False}, Addressing.OPTED_OUT),
        ({"Kafka": False}, Addressing.ADDRESSED),
    ],
)
def test_integrations_decide_who_is_addressed(
    integrations: Mapping[str, object], addressing: Addressing
) -> None:
    assert addressing_of(integrations, NAMES) is addressing


def test_only_accepted_names_count() -> None:
    integrations = {"All": False, "Kafka": True}

    assert addressing_of(integrations, {"Event Stream"}) is Addressing.NOT_ADDRESSED
    assert (
        addressing_of({"All": False, "Event Stream": True}, {"Event Stream"})
        is Addressing.ADDRESSED
    )


def test_our_catalogue_name_opts_out_even_when_it_is_not_an_accepted_name() -> None:
    assert addressing_of({"LiveIntent Audiences": False}, {"Kafka"}) is Addressing.OPTED_OUT


@pytest.mark.parametrize(
    ("integrations", "is_near"),
    [
        ({}, False),
        ({"All": False, "LiveIntent Audiences": True, "Kafka": True}, False),
        ({"Mixpanel": True}, False),
        ({"LiveIntent": True}, False),
        ({"liveintent audiences": True}, True),
        ({"LiveIntent Audiences ": True}, True),
        ({"KAFKA": False}, True),
        ({"all": False}, True),
    ],
)
def test_names_that_only_differ_in_case_are_near_misses(
    integrations: Mapping[str, object], is_near: bool
) -> None:
    assert has_near_miss(integrations, NAMES) is is_near


@pytest.mark.parametrize("consent", [None, {}, []])
def test_without_a_consent_object_nothing_is_enforced(consent: object) -> None:
    assert has_consent(consent, {"Advertising"})


@pytest.mark.parametrize(
    ("preferences", "agreed"),
    [
        ({"Advertising": True, "Sharing": True, "Analytics": False}, True),
        ({"Advertising": True}, False),
        ({"Advertising": True, "Sharing": False}, False),
        ({"Advertising": True, "Sharing": "true"}, False),
        ({"Advertising": True, "sharing": True}, False),
        ({"Advertising": True, "Sharing": 1}, False),
        ({}, False),
        (None, False),
        ([], False),
    ],
)
def test_every_configured_category_must_be_exactly_true(preferences: object, agreed: bool) -> None:
    consent = {"categoryPreferences": preferences}

    assert has_consent(consent, {"Advertising", "Sharing"}) is agreed


@pytest.mark.parametrize("consent", [{"preferences": {}}, "granted", True, 1, ["Advertising"]])
def test_consent_without_preferences_is_no_consent(consent: object) -> None:
    assert not has_consent(consent, {"Advertising"})


def test_without_configured_categories_consent_is_not_enforced() -> None:
    assert has_consent({"categoryPreferences": {"Advertising": False}}, frozenset())
