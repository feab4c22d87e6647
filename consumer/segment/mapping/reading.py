"""From a preset's name or a TOML file to a checked mapping, or to everything that is wrong with it."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from consumer.errors import SettingsError
from consumer.segment.mapping.model import EventMapping
from consumer.segment.mapping.problems import problems_of
from consumer.segment.toml_tables import toml_tables

DEFAULT_PRESET = "segment-json"

_PRESETS = files("consumer.segment.mapping") / "presets"
_SUFFIX = ".toml"


def preset_names() -> tuple[str, ...]:
    """The mappings that come with the program."""
    names = (entry.name for entry in _PRESETS.iterdir())
    return tuple(sorted(n.removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX)))


def load_mapping(name_or_path: str) -> EventMapping:
    """The preset of that name, or the mapping in the file at that path. Blocks; for start-up.

    Raises SettingsError with one sentence for each thing that is wrong.
    """
    if name_or_path in preset_names():
        return parse_mapping(preset_text(name_or_path), name_or_path)
    if not name_or_path.endswith(_SUFFIX):
        raise SettingsError(
            [
                f"{name_or_path!r} is neither the path of a TOML file nor a mapping that comes with the program: "
                f"{', '.join(preset_names())}."
            ]
        )
    try:
        text = Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingsError([f"the mapping {name_or_path} cannot be read: {why}."]) from None
    return parse_mapping(text, Path(name_or_path).name)


def parse_mapping(text: str, name: str) -> EventMapping:
    """The mapping that the text holds; `name` is for people. Raises SettingsError with everything that is wrong."""
    tables = _with_what_it_extends(toml_tables(text, f"the mapping {name}"), name, extended=())
    try:
        return EventMapping.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(
            [f"the mapping {name}: {each}" for each in problems_of(error)]
        ) from None


def preset_text(name: str) -> str:
    """The TOML of a mapping that comes with the program."""
    return (_PRESETS / f"{name}{_SUFFIX}").read_text("utf-8")


def _with_what_it_extends(
    tables: dict[str, Any], name: str, *, extended: tuple[str, ...]
) -> dict[str, Any]:
    base = tables.get("extends")
    if base is None:
        return tables
    if base not in preset_names() or base in extended:
        raise SettingsError(
            [
                f"the mapping {name}: extends must be one of {', '.join(preset_names())}, not {base!r}."
            ]
        )
    below = _with_what_it_extends(
        toml_tables(preset_text(base), f"the mapping {base}"), base, extended=(*extended, base)
    )
    return _merged(below, tables)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged, and everything else is replaced; so is a value of the call, which is a table when it is long."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if not isinstance(value, dict) or not isinstance(under, dict):
            merged[key] = value
        else:
            merged[key] = {**under, **value} if key == "call" else _merged(under, value)
    return merged
