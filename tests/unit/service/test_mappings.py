"""The mappings of the settings: one for all topics, and others for some."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from consumer.errors import SettingsError
from consumer.record import KafkaRecord
from consumer.segment.event import SegmentEvent
from consumer.service.feeds import decoder_for
from consumer.service.mappings import mapped_events
from consumer.settings import EventSettings, load_part

CONVERTED = "[audiences]\nconverter = 'debezium'"


def traits_of(settings: EventSettings, topic: str, fields: Mapping[str, object]) -> object:
    record = KafkaRecord(topic, partition=0, offset=0, key=None, value=json.dumps(fields).encode())
    decoded = decoder_for(settings, None, None, audiences=["30_day_active"]).decode(record)
    assert isinstance(decoded, tuple)
    (event,) = decoded
    assert isinstance(event, SegmentEvent)
    return event.traits


def test_a_feed_has_a_mapping_of_its_own_beside_the_file_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "rows.toml").write_text(f"[traits]\ncolumns = ['t_*']\n{CONVERTED}")
    (feeds := tmp_path / "feeds.toml").write_text(
        "[[feed]]\ntopics = ['rows']\nformat = 'json'\nmapping = 'rows.toml'"
    )
    settings = load_part(
        EventSettings,
        {"EVENT_FORMAT": "json", "EVENT_MAPPING": "rudderstack", "EVENT_FEEDS_FILE": str(feeds)},
    )
    row = {"type": "identify", "t_a": 1, "t__30_day_active": True}
    other = {"type": "identify", "context": {"traits": {"a": 2}}}

    assert traits_of(settings, "rows", row) == {"a": 1, "30_day_active": True}
    assert traits_of(settings, "others", other) == {"a": 2}


def test_everything_wrong_with_any_mapping_is_told_at_once(tmp_path: Path) -> None:
    (clash := tmp_path / "clash.toml").write_text(CONVERTED)

    with pytest.raises(SettingsError) as caught:
        mapped_events(["nothing", str(clash), "rudderstack"], ["a b", "a-b"])

    nothing, clashes = caught.value.problems
    assert nothing.startswith("'nothing' is neither the path of a TOML file")
    assert clashes.endswith(
        "the listed audiences 'a b' and 'a-b' both come as 'a_b'; give them names in audiences.aliases."
    )
