"""What LiveIntent publishes of its APIs: our own short description, its documents where they are, and their defects.

Its documents are not ours to ship. They are looked for in the folder that TEST_LIVEINTENT_OPENAPI names, else beside
the checkout. Our description says the same of what we rely on, in words of our own, and is always there.
"""

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.contract.json_shapes import Schema, resolved

FOLDER = "TEST_LIVEINTENT_OPENAPI"
AUDIENCES = "liveintent-audiences-openapi.json"
PRIVACY = "liveintent-privacy-openapi.json"

_BESIDE = Path(__file__).parents[2].parent / "shared" / "contracts"


def published(name: str) -> Schema | None:
    """A document as LiveIntent publishes it; None where there is no copy."""
    file = Path(os.environ.get(FOLDER, _BESIDE)) / name
    if not file.is_file():
        return None
    document: Schema = json.loads(file.read_text(encoding="utf-8"))
    return document


# The defects of its documents


@dataclass(frozen=True, slots=True)
class Defect:
    """Something a document says that cannot be meant, or fails to say. `correct` mends a copy of the document."""

    name: str
    why: str
    correct: Callable[[dict[str, Any]], None]

    def __str__(self) -> str:
        return self.name


def corrected(document: Schema, defects: tuple[Defect, ...]) -> Schema:
    """A copy of the document with these defects mended."""
    mended = copy.deepcopy(dict(document))
    for defect in defects:
        defect.correct(mended)
    return mended


def _compare_names_with_text(document: dict[str, Any]) -> None:
    text = {"type": "object", "required": ["value"], "properties": {"value": {"type": "string"}}}
    (option,) = document["components"]["schemas"]["StringFilter"]["oneOf"]
    option["properties"]["eq"] = text


def _take_401_in_a_list(document: dict[str, Any]) -> None:
    for operation in _operations(document):
        schema = operation["responses"]["401"]["content"]["application/json"]["schema"]
        inner = copy.deepcopy(schema)
        schema.clear()
        errors = {"type": "array", "minItems": 1, "items": inner}
        wrapped = {"type": "object", "required": ["errors"], "properties": {"errors": errors}}
        schema["anyOf"] = [inner, wrapped]


def _declare_404_of_an_audience(document: dict[str, Any]) -> None:
    for path in ("signed-urls", "uploads"):
        for operation in _only_operations(document["paths"][f"/audiences/{{audienceId}}/{path}"]):
            operation["responses"]["404"] = _ERROR


def _declare(document: dict[str, Any], *statuses: str) -> None:
    for operation in _operations(document):
        for status in statuses:
            operation["responses"].setdefault(status, _ERROR)


_ERROR: Schema = {
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ApplicationError"}}}
}

DEFECTS_OF_PRIVACY = (
    Defect(
        "no 400 for a request that means nothing",
        "No answer is declared for a body that is no request, such as one that names nobody.",
        lambda document: _declare(document, "400"),
    ),
    Defect(
        "no 429 or 503",
        "No operation declares a limit or an outage, as in the Audiences API.",
        lambda document: _declare(document, "429", "503"),
    ),
)

DEFECTS_OF_AUDIENCES = (
    Defect(
        "names are compared with numbers",
        "One `eq` serves text, 32 and 64 bits, and its value is declared int64, so that no name could ever be "
        "matched: a generic type that the generator of the document lost. We send text, and a 400 for it is expected "
        "(LIVEINTENT_AUDIENCE_LOOKUP).",
        _compare_names_with_text,
    ),
    Defect(
        "a 401 comes in a list",
        "The document declares the error object alone. A call without a token was seen to be answered with that "
        "object inside an `errors` array; the client takes either.",
        _take_401_in_a_list,
    ),
    Defect(
        "no 404 for the uploads of no audience",
        "Minting and listing uploads name an audience by its id and declare no answer for an id that is none, while "
        "their neighbours declare 404.",
        _declare_404_of_an_audience,
    ),
    Defect(
        "no 429, 500 or 503",
        "No operation declares a limit or an outage, three do not even declare 500. Any API behind a gateway answers "
        "so sometimes, and the client waits when it does.",
        lambda document: _declare(document, "429", "500", "503"),
    ),
)


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in _only_operations(path):
            if "401" in operation["responses"]:
                yield operation


def _only_operations(path: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (each for each in path.values() if isinstance(each, dict) and "responses" in each)


# Whether our description says what a document says


def differences(ours: Schema, theirs: Schema) -> Iterator[str]:
    """What our description declares, and theirs declares otherwise or not at all."""
    for path, operations in ours["paths"].items():
        for verb, operation in operations.items():
            where = f"{verb.upper()} {path}"
            published_operation = theirs["paths"].get(path, {}).get(verb)
            if published_operation is None:
                yield f"{where}: not declared"
                continue
            for place, ours_here, theirs_here in _pairs(operation, published_operation):
                if theirs_here is None:
                    yield f"{where} {place}: not declared"
                else:
                    compare = _Comparison(ours, theirs)
                    yield from compare(ours_here, theirs_here, f"{where} {place}")


def _pairs(ours: Schema, theirs: Schema) -> Iterator[tuple[str, Schema, Schema | None]]:
    declared = {(each["in"], each["name"]): each for each in theirs.get("parameters", ())}
    for each in ours.get("parameters", ()):
        twin = declared.get((each["in"], each["name"]))
        yield f"{each['in']} {each['name']}", each["schema"], twin and twin["schema"]
    if "requestBody" in ours:
        yield "body", _json_of(ours["requestBody"]), _json_of(theirs.get("requestBody"))
    for status, response in ours["responses"].items():
        yield status, _json_of(response), _json_of(theirs["responses"].get(status))


def _json_of(part: Schema | None) -> Any:  # noqa: ANN401 - a schema, or None for none
    return part and part["content"]["application/json"]["schema"]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares two schemas of two documents down to the leaves. Schemas may hold themselves: a pair is met once."""

    ours: Schema
    theirs: Schema
    met: frozenset[tuple[int, int]] = frozenset()

    def __call__(self, ours: Schema, theirs: Schema, where: str) -> Iterator[str]:
        ours, theirs = resolved(ours, self.ours), resolved(theirs, self.theirs)
        pair = (id(ours), id(theirs))
        if pair not in self.met:
            deeper = replace(self, met=self.met | {pair})
            if not ours.keys() & {"oneOf", "anyOf"}:
                theirs = _unwrapped(theirs, self.theirs)
            yield from deeper.between(ours, theirs, where)

    def between(self, ours: Schema, theirs: Schema, where: str) -> Iterator[str]:
        """The same of two schemas that are no references."""
        for word in ("type", "format", "enum"):
            if ours.get(word) != theirs.get(word):
                yield f"{where}: {word} is {theirs.get(word)}, not {ours.get(word)}"
        yield from self._fields(ours, theirs, where)
        for word in ("items", "additionalProperties"):
            if isinstance(ours.get(word), dict):
                yield from self(ours[word], theirs.get(word) or {}, f"{where}.{word}")
        for word in ("oneOf", "anyOf"):
            for option in ours.get(word, ()):
                yield from self._option(option, theirs.get(word, ()), where)

    def _fields(self, ours: Schema, theirs: Schema, where: str) -> Iterator[str]:
        if set(ours.get("required", ())) != set(theirs.get("required", ())):
            yield f"{where}: {sorted(theirs.get('required', ()))} are required"
        for name, schema in ours.get("properties", {}).items():
            twin = theirs.get("properties", {}).get(name)
            if twin is None:
                yield f"{where}: {name} is not declared"
            else:
                yield from self(schema, twin, f"{where}.{name}")

    def _option(self, ours: Schema, theirs: Sequence[Schema], where: str) -> Iterator[str]:
        """An option of ours must be one of theirs; of theirs, those of another kind are not looked at."""
        kind = resolved(ours, self.ours).get("required")
        alike = [each for each in theirs if resolved(each, self.theirs).get("required") == kind]
        found = [list(self(ours, each, where)) for each in alike]
        if not found:
            yield f"{where}: an option is not declared"
        elif [] not in found:
            yield from found[0]


def _unwrapped(schema: Schema, root: Schema) -> Schema:
    """A choice of one is no choice, nor is one of several that are the same."""
    for word in ("oneOf", "anyOf"):
        options = [resolved(each, root) for each in schema.get(word, ())]
        if options and all(each is options[0] for each in options):
            return _unwrapped(options[0], root)
    return schema
