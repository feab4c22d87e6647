"""What to make of one of a call's four objects, once it is found. Each step gives a new object, and changes none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from consumer.segment.json_text import BadJson, parse_json
from consumer.segment.mapping.model import Booleans
from consumer.segment.mapping.paths import ANY, Path

Step = Callable[[dict[str, Any]], dict[str, Any]]

# Deeper than any name a flattened event has; what is left stays one name.
_MOST_SPLITS = 16
_BEGINNINGS = ("{", "[")


def object_in(value: object) -> dict[str, Any] | None:
    """The object that the value is, or is the JSON text of; null and an empty array are an empty one. None: no object."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except BadJson:
            return None
    if isinstance(value, dict):
        return value
    if value is None or value == []:
        return {}
    return dict(value) if isinstance(value, Mapping) else None


def with_json_texts_read(members: dict[str, Any]) -> dict[str, Any]:
    """Members whose text begins as an object or an array, read as JSON. What is not JSON after all stays text."""
    return {name: _read(value) for name, value in members.items()}


def _read(value: object) -> object:
    if not isinstance(value, str) or value[:1] not in _BEGINNINGS:
        return value
    try:
        return parse_json(value)
    except BadJson:
        return value


def unflattening(separator: str) -> Step:
    """Members whose names are paths become members of members."""

    def unflattened(members: dict[str, Any]) -> dict[str, Any]:
        if not any(separator in name for name in members):
            return members
        whole = {name: value for name, value in members.items() if separator not in name}
        for name, value in members.items():
            if separator in name:
                whole = placed(whole, tuple(name.split(separator, _MOST_SPLITS)), value)
        return whole

    return unflattened


def renaming(names: Mapping[str, str]) -> Step:
    """Members under the names they should have. A member that has its name already stays, and the other as well."""

    def renamed(members: dict[str, Any]) -> dict[str, Any]:
        found = [name for name in names.keys() & members.keys() if names[name] not in members]
        if not found:
            return members
        members = dict(members)
        for name in found:
            members[names[name]] = members.pop(name)
        return members

    return renamed


def placed(members: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    """The object with the value at the path. What is no object on the way gives way to one."""
    name, *rest = path
    if not rest:
        return {**members, name: value}
    inner = members.get(name)
    inside = inner if isinstance(inner, dict) else {}
    return {**members, name: placed(inside, tuple(rest), value)}


def policy_for(section: str, booleans: Booleans) -> Sequence[Step]:
    """What makes booleans of texts in this object: only in the fields, and only of the texts, that the policy names."""
    table: dict[str, object] = dict.fromkeys(booleans.true, True)
    table |= dict.fromkeys(booleans.false, False)
    return [_booleans_at(path[1:], table) for path in booleans.fields if path[0] == section]


def _booleans_at(path: Path, table: Mapping[str, object]) -> Step:
    name, rest = path[0], path[1:]
    if rest:
        inside = _booleans_at(rest, table)

        def inner(members: dict[str, Any]) -> dict[str, Any]:
            value = members.get(name)
            return {**members, name: inside(value)} if isinstance(value, dict) else members

        return inner
    if name == ANY:
        return lambda members: {
            each: table.get(value, value) if isinstance(value, str) else value
            for each, value in members.items()
        }

    def one(members: dict[str, Any]) -> dict[str, Any]:
        value = members.get(name)
        return (
            {**members, name: table[value]}
            if isinstance(value, str) and value in table
            else members
        )

    return one
