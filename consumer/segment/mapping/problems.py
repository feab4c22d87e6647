"""From what is wrong with a mapping to sentences for whoever wrote it."""

import difflib
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ValidationError

from consumer.segment.mapping.model import Booleans, EventMapping

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


def problems_of(error: ValidationError) -> list[str]:
    """One sentence for each thing that is wrong, in the order of the mapping's parts."""
    found = error.errors(include_url=False, include_input=True)
    order = [field.alias or name for name, field in EventMapping.model_fields.items()]

    def place(each: Mapping[str, object]) -> int:
        location = each["loc"]
        first = location[0] if isinstance(location, tuple) and location else None
        return order.index(str(first)) if first in order else len(order)

    sentences = [_sentence(each) for each in sorted(found, key=place) if not _follows(each)]
    return list(dict.fromkeys(sentences))


def _follows(problem: Mapping[str, object]) -> bool:
    """Whether this is only what is left of a list whose items are complained of already."""
    return problem["type"] == "too_short" and bool(problem.get("input"))


def _sentence(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    steps = location if isinstance(location, tuple) else ()
    name = ".".join(str(step) for step in steps if isinstance(step, str) and step != "[key]")
    kind, context = str(problem["type"]), problem.get("ctx")
    details = context if isinstance(context, Mapping) else {}
    if kind == "extra_forbidden":
        return f"{name} is nothing a mapping has{_near(steps)}"
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


def _near(steps: Iterable[object]) -> str:
    *above, last = (str(step) for step in steps)
    near = difflib.get_close_matches(last, _names_in(above), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else "."


def _names_in(above: Iterable[str]) -> list[str]:
    """What the table at this place may hold."""
    table: type[BaseModel] = EventMapping
    for step in above:
        fields = {info.alias or name: info for name, info in table.model_fields.items()}
        if step not in fields:
            return []
        default = fields[step].get_default()
        table = type(default) if isinstance(default, BaseModel) else Booleans
    return [info.alias or name for name, info in table.model_fields.items()]
