import pytest

from consumer.settings import Settings, load_settings
from consumer.settings.liveintent_hosts import refuse_mixture
from tests.unit.settings_builders import COMPLETE, problems_with

PRODUCTION = "https://audiences.liveintent.com"
STAGING = "https://audiences-staging.bln.liveintent.com"


@pytest.mark.parametrize("name", ["PRIVACY", "COLLECTOR", "CONVERSIONS"])
@pytest.mark.parametrize(
    ("audiences", "other", "problem"),
    [
        (STAGING, "https://{}", "is LiveIntent's production, and LIVEINTENT_URL its staging"),
        (PRODUCTION, "https://privacy-test.liadm.com", "is LiveIntent's staging, and LIVEINTENT_URL its production"),
    ],
)  # fmt: skip
def test_a_staging_host_beside_a_production_host_is_refused_at_start(
    name: str, audiences: str, other: str, problem: str
) -> None:
    hosts = {
        "PRIVACY": "privacy.liadm.com",
        "COLLECTOR": "RP.liadm.com/j",
        "CONVERSIONS": "conversions.liveintent.com:443",
    }
    setting = f"LIVEINTENT_{name}_URL"

    assert f"{setting} {problem}: use one of them for everything." in problems_with(
        {"LIVEINTENT_URL": audiences, setting: other.format(hosts[name])}
    )


@pytest.mark.parametrize(
    ("audiences", "other"),
    [
        (PRODUCTION, "https://privacy.liadm.com"),
        (STAGING, "https://privacy-test.liadm.com"),
        (STAGING, "https://proxy.example"),
        ("https://proxy.example", "https://privacy.liadm.com"),
        (STAGING, None),
        (None, "https://privacy.liadm.com"),
    ],
)
def test_hosts_of_one_stage_and_hosts_of_our_own_go_together(
    audiences: str | None, other: str | None
) -> None:
    assert refuse_mixture(other, audiences) == other


def test_every_other_url_of_liveintents_is_compared() -> None:
    urls = {
        field
        for field in Settings.model_fields
        if field.startswith("liveintent_") and field.endswith("_url")
    }

    assert urls - {"liveintent_url"} == {
        "liveintent_privacy_url",
        "liveintent_collector_url",
        "liveintent_conversions_url",
    }
    assert load_settings(COMPLETE | {"LIVEINTENT_URL": STAGING}).liveintent_url == STAGING
