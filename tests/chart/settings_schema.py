"""What the chart must know of the program's settings, made from their code."""

from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from consumer.settings import FILE_NAMES, SECRET_NAMES, SETTING_NAMES
from consumer.settings.feed import Feed
from consumer.settings.model import Settings
from consumer.settings.names import FILE_SUFFIX
from consumer.settings.process import MEMORY_BESIDE_BUDGET_MB

# What makes the service a replay beside the live one: said in the value `replay`, and only for its Job.
SET_BY_REPLAY = frozenset({"REPLAY_ID", "REPLAY_FROM", "REPLAY_TO"})

_BOUNDS = {Ge: ("ge", "minimum"), Gt: ("gt", "exclusiveMinimum"), Le: ("le", "maximum")}
_TEXTS: Mapping[str, Any] = {
    "type": ["string", "array"],
    "items": {"type": "string", "pattern": "^[^,]*$"},
}
_OBJECT: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
_SECRET: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "existingSecret": {"type": "string", "maxLength": 253},
        "key": {"type": "string", "pattern": "^[A-Za-z0-9._-]*$"},
        "value": {"type": "string"},
    },
}


def settings_file() -> dict[str, Any]:
    """`files/settings.json`: the defaults that templates compute with, what is required, what is a secret."""
    fields = _fields()
    return {
        "defaults": {
            name: _plain(field.default) for name, field in fields.items() if _has_default(field)
        },
        "required": [name for name, field in fields.items() if field.is_required()],
        "secrets": list(SECRET_NAMES),
        "memoryBesideBudgetMebibytes": MEMORY_BESIDE_BUDGET_MB,
    }


def settings_schema() -> dict[str, Any]:
    """The schema of the value `settings`: no secrets, but their files, for where another tool mounts them."""
    properties = {
        name: {"description": field.description, **_schema_of(_bare(field.annotation), field)}
        for name, field in _fields().items()
        if name not in SECRET_NAMES and name not in SET_BY_REPLAY
    }
    files = {name: {"type": "string"} for name in FILE_NAMES}
    return {"type": "object", "additionalProperties": False, "properties": properties | files}


def secrets_schema() -> dict[str, Any]:
    """The schema of the value `secrets`: everything the program reads from a file."""
    names = [name.removesuffix(FILE_SUFFIX) for name in FILE_NAMES]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: dict(_SECRET) for name in sorted(names)},
    }


def _fields() -> dict[str, FieldInfo]:
    """In the order in which the README has them, which is that of the code."""
    by_name = {field.upper(): info for field, info in Settings.model_fields.items()}
    return {name: by_name[name] for name in SETTING_NAMES}


def _schema_of(kind: Any, field: FieldInfo) -> dict[str, Any]:  # noqa: ANN401 - an annotation
    if kind is bool:
        return {"type": "boolean"}
    if kind in (int, float):
        return {"type": "integer" if kind is int else "number", **_bounds(field)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"type": "string", "enum": [choice.value for choice in kind]}
    if get_origin(kind) is dict:
        return dict(_OBJECT)
    if get_origin(kind) is tuple and get_args(kind)[0] is not Feed:
        return dict(_TEXTS)
    return {"type": "string"}


def _bounds(field: FieldInfo) -> dict[str, Any]:
    """Bounds stand with the field, or with the type inside an optional one."""
    constraints = [*field.metadata, *_constraints(field.annotation)]
    found: dict[str, Any] = {}
    for constraint in constraints:
        for bound in getattr(constraint, "metadata", [constraint]):
            if type(bound) in _BOUNDS:
                attribute, keyword = _BOUNDS[type(bound)]
                found[keyword] = getattr(bound, attribute)
    return found


def _constraints(annotation: Any) -> list[Any]:  # noqa: ANN401 - an annotation
    return [each for part in get_args(annotation) for each in getattr(part, "__metadata__", ())]


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - an annotation
    """The type without None and without constraints."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation


def _has_default(field: FieldInfo) -> bool:
    return not field.is_required() and field.default not in (None, {}, ())


def _plain(value: Any) -> Any:  # noqa: ANN401 - a default is of any type
    if isinstance(value, Enum):
        return value.value
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
