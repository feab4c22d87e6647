import re
import tomllib
from pathlib import Path

from consumer.segment.event_map.model import EventMap, PrivacyPaths, Row
from consumer.segment.event_map.reading import DEFAULT_EVENT_MAP, load_event_map, parse_event_map

MANUAL = (Path(__file__).parents[4] / "docs" / "event-maps.md").read_text("utf-8")


def test_the_manuals_example_can_be_used() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL)

    event_map = parse_event_map(example, "example.toml")

    assert tomllib.loads(example)["track"].keys() <= event_map.track.keys()


def test_the_manual_tells_every_part_of_a_map_and_of_a_row() -> None:
    names = {*EventMap.model_fields, *Row.model_fields, *PrivacyPaths.model_fields} - {
        "description"
    }

    assert {name for name in names if name not in MANUAL} == set()


def test_the_manual_tells_every_event_of_the_default_map() -> None:
    rows = load_event_map(DEFAULT_EVENT_MAP).track

    assert {name for name in rows if name not in MANUAL} == set()
    assert {row.event for row in rows.values() if f"`{row.event}`" not in MANUAL} == set()
