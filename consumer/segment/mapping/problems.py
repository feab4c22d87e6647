"""From what is wrong with a mapping, or another table of ours, to sentences for whoever wrote it."""

import difflib
from collections.abc import Iterable, Mapping
from functools import partial
from typing import get_args

from pydantic import BaseModel, ValidationError

from consumer.segment.mapping.model import EventMapping

_SHOWN_CHARACTERS = 40
_EXPECTED = {
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must be shorter",
    "tuple_type": "must be a list",
    "too_short": "must name at least one",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def problems_of(
    error: ValidationError, table: type[BaseModel] = EventMapping, kind: str = "a mapping"
) -> list[str]:
    """One sentence for each thing that is wrong, in the order of the table's parts. `kind` is what people call it."""
    found = error.errors(include_url=False, include_input=True)
    order = _fields_of(table)

    def place(each: Mapping[str, object]) -> int:
        location = each["loc"]
        first = location[0] if isinstance(location, tuple) and location else None
        return order.index(str(first)) if first in order else len(order)

    say = partial(_sentence, table=table, kind_of_table=kind)
    sentences = [say(each) for each in sorted(found, key=place) if not _follows(each)]
    return list(dict.fromkeys(sentences))


def _follows(problem: Mapping[str, object]) -> bool:
    """Whether this is only what is left of a list whose items are complained of already."""
    return problem["type"] == "too_short" and bool(problem.get("input"))


def _sentence(problem: Mapping[str, object], table: type[BaseModel], kind_of_table: str) -> str:
    location = problem["loc"]
    steps = location if isinstance(location, tuple) else ()
    name = ".".join(str(step) for step in steps if isinstance(step, str) and step != "[key]")
    kind, context = str(problem["type"]), problem.get("ctx")
    details = context if isinstance(context, Mapping) else {}
    if kind == "extra_forbidden":
        return f"{name} is nothing {kind_of_table} has{_near(table, steps)}"
    if kind == "missing":
        return f"{name} is required."
    if kind == "value_error":
        return f"{name or 'it'} {details['error']}."
    if kind == "enum":
        return (
            f"{name} must be {str(details['expected']).replace(chr(39), '')}, {_quoted(problem)}."
        )
    return f"{name} {_EXPECTED.get(kind, 'cannot be used')}, {_quoted(problem)}."


def _quoted(problem: Mapping[str, object]) -> str:
    shown = repr(problem.get("input"))
    return f"not {shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + '...'}"


def _near(table: type[BaseModel], steps: Iterable[object]) -> str:
    *above, last = (str(step) for step in steps)
    near = difflib.get_close_matches(last, _names_in(table, above), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else "."


def _names_in(table: type[BaseModel], above: Iterable[str]) -> list[str]:
    """What the table at this place may hold."""
    for step in above:
        fields = {info.alias or name: info.annotation for name, info in table.model_fields.items()}
        if step in fields:  # else it is the key of a table of tables
            table = _table_in(fields[step]) or table
    return _fields_of(table)


def _fields_of(table: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in table.model_fields.items()]


def _table_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_table_in, get_args(annotation))), None)
