"""From a preset's name or a TOML file to a checked event map, or to everything that is wrong with it."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from consumer.errors import SettingsError
from consumer.segment.event_map.model import EventMap
from consumer.segment.mapping.problems import problems_of
from consumer.segment.toml_tables import toml_tables

DEFAULT_EVENT_MAP = "segment-ecommerce"

_PRESETS = files("consumer.segment.event_map") / "presets"
_SUFFIX = ".toml"


def event_map_names() -> tuple[str, ...]:
    """The event maps that come with the program."""
    names = (entry.name for entry in _PRESETS.iterdir())
    return tuple(sorted(n.removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX)))


def load_event_map(name_or_path: str) -> EventMap:
    """The event map of that name, or the one in the file at that path. Blocks; for start-up.

    Raises SettingsError with one sentence for each thing that is wrong.
    """
    if name_or_path in event_map_names():
        return parse_event_map(_preset(name_or_path), name_or_path)
    if not name_or_path.endswith(_SUFFIX):
        raise SettingsError(
            [
                f"{name_or_path!r} is neither the path of a TOML file nor an event map that comes with the program: "
                f"{', '.join(event_map_names())}."
            ]
        )
    try:
        text = Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingsError([f"the event map {name_or_path} cannot be read: {why}."]) from None
    return parse_event_map(text, Path(name_or_path).name)


def parse_event_map(text: str, name: str) -> EventMap:
    """The event map that the text holds; `name` is for people. Raises SettingsError with everything that is wrong."""
    tables = toml_tables(text, f"the event map {name}")
    base = tables.get("extends")
    if base is not None:
        if base not in event_map_names():
            raise SettingsError(
                [
                    f"the event map {name}: extends must be one of {', '.join(event_map_names())}, not {base!r}."
                ]
            )
        tables = _merged(toml_tables(_preset(base), f"the event map {base}"), tables)
    try:
        return EventMap.model_validate(tables)
    except ValidationError as error:
        problems = problems_of(error, EventMap, "an event map")
        raise SettingsError([f"the event map {name}: {each}" for each in problems]) from None


def _preset(name: str) -> str:
    return (_PRESETS / f"{name}{_SUFFIX}").read_text("utf-8")


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says replaces what its preset says: each part of a row, each member of items, as a whole."""
    merged = dict(below) | dict(above)
    for part in below.keys() & above.keys():
        under, over = below[part], above[part]
        if part == "track" and isinstance(over, dict):
            merged[part] = under | {
                name: _over(under.get(name, {}), row) for name, row in over.items()
            }
        else:
            merged[part] = _over(under, over)
    return merged


def _over(below: object, above: object) -> object:
    return below | above if isinstance(below, dict) and isinstance(above, dict) else above
