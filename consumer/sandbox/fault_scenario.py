"""A rehearsal's faults, from a TOML file: what goes wrong, on which call, when and how often.

```toml
[[fault]]                # the API fails for a minute, half a minute after the start
kind = "status"
status = 503
after_seconds = 30
for_seconds = 60

[[fault]]                # the third file of this audience ends in Error, once
kind = "upload_error"
audience = "vip_customers"
after_calls = 2
times = 1
```

The keys are the fields of `Fault`.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from consumer.errors import SettingsError
from consumer.sandbox.faults import ANY_OPERATION, Fault, Operation

_KEYS = tuple(field.name for field in fields(Fault))
_OPERATIONS = (ANY_OPERATION, *(operation.value for operation in Operation))
_FAULT = TypeAdapter(Fault)
_EXPECTED: Mapping[str, str] = {
    "missing": "is required",
    "enum": "must be {expected}",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
}


def read_scenario(path: Path) -> tuple[Fault, ...]:
    """The faults of a file, in its order. Raises SettingsError with one sentence for each thing wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path} is not TOML: {error}."]) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError([f"{path} cannot be read: {why}."]) from None
    tables = content.pop("fault", [])
    problems = [f"{name} is no key of it: it holds [[fault]] tables" for name in content]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append("fault must be written as [[fault]] tables")
        tables = []
    elif not tables:
        problems.append("there is no [[fault]] table")
    faults: list[Fault] = []
    for number, table in enumerate(tables, 1):
        wrong = list(_wrong_with(table))
        problems += [f"fault {number}: {each}" for each in wrong]
        if not wrong:
            faults.append(_made(table))
    if problems:
        raise SettingsError([f"{path}: {problem}." for problem in problems])
    return tuple(faults)


def _made(table: Mapping[str, object]) -> Fault:
    # From JSON, so that types are strict and words are still taken for choices.
    return _FAULT.validate_json(json.dumps(table, default=str), strict=True)


def _wrong_with(table: Mapping[str, object]) -> Iterator[str]:
    for name in (name for name in table if name not in _KEYS):
        yield f"{name} is not a key of a fault{_near(name, _KEYS)}"
    operation = table.get("operation")
    if isinstance(operation, str) and operation not in _OPERATIONS:
        yield f"operation must be one of {', '.join(_OPERATIONS)}{_near(operation, _OPERATIONS)}"
        table = {**table, "operation": ANY_OPERATION}
    try:
        _made(table)
    except ValidationError as error:
        yield from dict.fromkeys(_sentences(error))


def _sentences(error: ValidationError) -> Iterator[str]:
    for each in error.errors(include_url=False, include_input=False):
        context = each.get("ctx", {})
        if each["type"] == "value_error":  # of the fault as a whole, in its own words
            yield str(context["error"])
            continue
        expected = str(context.get("expected", "")).replace("'", "")
        if len(each["loc"]) > 1:  # one of the types a value may have; each is told of
            yield f"{each['loc'][0]} must be a number, or text"
            continue
        told = _EXPECTED.get(each["type"], "cannot be used").format(expected=expected)
        yield f"{each['loc'][0]} {told}"


def _near(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""
