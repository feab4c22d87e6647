"""A setting nobody reads does nothing, and its description promises something."""

import re
from pathlib import Path

import pytest

from consumer.settings import SETTING_NAMES

ROOT = Path(__file__).parents[2]

# Accepted so that the settings of Segment's own destination can be copied whole; its description says so.
_ONLY_ACCEPTED = {"LIVEINTENT_APP_ID"}


def _code_outside_settings() -> str:
    folder = ROOT / "consumer"
    return "\n".join(
        path.read_text()
        for path in folder.rglob("*.py")
        if (folder / "settings") not in path.parents
    )


@pytest.mark.parametrize("name", sorted(set(SETTING_NAMES) - _ONLY_ACCEPTED))
def test_every_setting_is_read_by_the_program(name: str) -> None:
    reads = {
        "LIVEINTENT_AUDIENCES": "listed_audiences",
        # Read with it: see consumer/settings/kafka_credentials.py.
        "KAFKA_SASL_USERNAME": "kafka_properties",
        "KAFKA_SASL_PASSWORD": "kafka_properties",
    }.get(name, name.lower())

    assert re.search(rf"settings\.{reads}\b", _code_outside_settings()), name
