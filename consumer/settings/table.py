"""The settings as the README shows them."""

from enum import Enum
from typing import Any

from pydantic.fields import FieldInfo

from consumer.settings.model import PARTS
from consumer.settings.names import FILE_SUFFIX
from consumer.settings.part import FILE_IS_READ


def settings_table() -> str:
    """One Markdown table for each group of settings: name, default, meaning."""
    tables = []
    for part in PARTS:
        title = (part.__doc__ or "").splitlines()[0].removesuffix(".")
        rows = [_row(name.upper(), field) for name, field in part.model_fields.items()]
        tables.append(
            "\n".join([f"**{title}**", "", "| Name | Default | Meaning |", "|---|---|---|", *rows])
        )
    return "\n\n".join(tables) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    meaning = (field.description or "").replace("|", r"\|") + _choices(field)
    if isinstance(extra := field.json_schema_extra, dict) and FILE_IS_READ in extra:
        meaning += f" Secret; `{name}{FILE_SUFFIX}` names a file that holds it, which is read {extra[FILE_IS_READ]}."
    return f"| `{name}` | {_default(field)} | {meaning} |"


def _choices(field: FieldInfo) -> str:
    """The words to choose from, for a setting that has them."""
    if not (isinstance(field.annotation, type) and issubclass(field.annotation, Enum)):
        return ""
    return f" One of {', '.join(f'`{choice.value}`' for choice in field.annotation)}."


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    text = _text(field.default)
    return f"`{text}`" if text else "unset"


def _text(value: Any) -> str:  # noqa: ANN401 - a default is of any type
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
