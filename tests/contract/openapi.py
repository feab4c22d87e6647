"""HTTP exchanges held against an OpenAPI document: the request of a client, the answer of a server."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.contract.json_shapes import Schema, problems, resolved

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as they went over the wire. Header names are in lower case.

    `target` is the path with its query, still encoded.
    """

    verb: str
    target: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    answer_headers: Mapping[str, str] = field(repr=False)
    answer_body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """The one header of this name; None when there is none. Raises ValueError for a repeated one."""
        values = [value for each, value in self.headers if each == name]
        if len(values) > 1:
            message = f"{name} is sent twice"
            raise ValueError(message)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document, and what a path holds for its parameters."""

    verb: str
    template: str
    schema: Schema
    path_values: Mapping[str, str]


class Contract:
    """An OpenAPI document, asked what is wrong with an exchange."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def operations(self) -> Iterator[tuple[str, str]]:
        """Every operation, as verb and path template."""
        for template, operations in self.document["paths"].items():
            for verb in operations.keys() & {"get", "post", "put", "patch", "delete"}:
                yield verb.upper(), template

    def operation(self, exchange: Exchange) -> Operation | None:
        """The operation an exchange is one of; None when the document has none."""
        for verb, template in self.operations():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
            match = re.fullmatch(pattern, exchange.path)
            if match is not None and verb == exchange.verb:
                schema = self.document["paths"][template][verb.lower()]
                return Operation(verb, template, schema, match.groupdict())
        return None

    def problems_of_request(self, exchange: Exchange) -> Iterator[str]:
        """What is wrong with what a client sent."""
        operation = self.operation(exchange)
        if operation is None:
            yield "no such operation is declared"
            return
        yield from self._problems_of_parameters(exchange, operation)
        yield from self._problems_of_body(exchange, operation)
        if self.document.get("security"):
            words = (exchange.header("authorization") or "").split(" ")
            if len(words) != 2 or words[0] != "Bearer":
                yield "there is no bearer token"

    def problems_of_answer(self, exchange: Exchange) -> Iterator[str]:
        """What is wrong with what a server answered."""
        operation = self.operation(exchange)
        if operation is None:
            yield "no such operation is declared"
            return
        response = operation.schema["responses"].get(str(exchange.status))
        if response is None:
            yield f"status {exchange.status} is not declared"
            return
        content = resolved(response, self.document).get("content")
        if content is None:
            if exchange.answer_body:
                yield "an answer without content is declared"
            return
        yield from self._problems_of_content(
            content, exchange.answer_headers.get("content-type"), exchange.answer_body
        )

    def _problems_of_parameters(self, exchange: Exchange, operation: Operation) -> Iterator[str]:
        query = parse_qsl(exchange.target.partition("?")[2], keep_blank_values=True)
        sent = {("query", name): value for name, value in query}
        if len(sent) < len(query):
            yield "a query parameter is sent twice"
        sent |= {("path", name): value for name, value in operation.path_values.items()}
        declared = {
            (parameter["in"], parameter["name"]): parameter
            for each in operation.schema.get("parameters", ())
            if (parameter := resolved(each, self.document))["in"] in {"query", "path"}
        }
        for place, parameter in declared.items():
            if place not in sent and parameter.get("required"):
                yield f"{place} is missing"
        for place, text in sent.items():
            if place not in declared:
                yield f"{place} is not declared"
                continue
            schema = declared[place]["schema"]
            value = _as_typed(text, resolved(schema, self.document))
            yield from problems(value, schema, root=self.document, where=f"{place}")

    def _problems_of_body(self, exchange: Exchange, operation: Operation) -> Iterator[str]:
        wanted = operation.schema.get("requestBody")
        if wanted is None:
            if exchange.body:
                yield "no body is declared"
            return
        content = resolved(wanted, self.document)["content"]
        yield from self._problems_of_content(
            content, exchange.header("content-type"), exchange.body
        )

    def _problems_of_content(
        self, content: Schema, content_type: str | None, body: bytes
    ) -> Iterator[str]:
        media_type = (content_type or "").partition(";")[0]
        if media_type not in content:
            yield f"the content is {media_type or 'of no type'}, not {sorted(content)}"
            return
        try:
            document = json.loads(body)
        except ValueError:
            yield "the body is not JSON"
            return
        yield from problems(document, content[media_type]["schema"], root=self.document)


def _as_typed(text: str, schema: Schema) -> Any:  # noqa: ANN401 - of the type the schema says
    """A parameter as the value it stands for; as it is, where it stands for none of that type."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    return text
