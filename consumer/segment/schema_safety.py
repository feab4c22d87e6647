"""Which Avro schemas are not even parsed, and the limits of those that are.

Whoever may write to the topic chooses the schema, and a schema can be a weapon: five bytes can declare millions of
nulls, and one that contains itself can exhaust the stack. Such schemas are refused when they are loaded, by what is
here and by `decoding_cost`.
"""

from collections.abc import Mapping

MAX_TEXT_CHARACTERS = 1_000_000
MAX_DEPTH = 64
MAX_NAMED_TYPES = 1000
MAX_CHOICES = 10_000
"""The most fields of a record, symbols of an enum, or branches of a union."""
MAX_NAME_CHARACTERS = 512

TOO_DEEP = f"types are nested more than {MAX_DEPTH} deep"

# A level of types is at most three of JSON: a record, its list of fields, one field.
_MAX_JSON_DEPTH = 3 * MAX_DEPTH + 8
_MAX_JSON_NODES = 100_000
_NAMES = ("name", "namespace")


class UnsafeSchema(Exception):
    """Values must not be decoded with the schema, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def refusal_before_parsing(schema: object) -> str | None:
    """Why this JSON must not even be given to a schema parser; None when it may be."""
    nodes = [(schema, 1)]
    seen = 0
    while nodes:
        node, depth = nodes.pop()
        seen += 1
        if seen > _MAX_JSON_NODES:
            return f"the schema has more than {_MAX_JSON_NODES} parts"
        if depth > _MAX_JSON_DEPTH:
            return TOO_DEEP
        if (reason := _refusal_of_node(node)) is not None:
            return reason
        if isinstance(node, Mapping):
            nodes += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list):
            nodes += [(value, depth + 1) for value in node]
    return None


def _refusal_of_node(node: object) -> str | None:
    if isinstance(node, list) and len(node) > MAX_CHOICES:
        return f"the schema has a list of more than {MAX_CHOICES} fields, symbols or branches"
    if not isinstance(node, Mapping):
        return None
    if any(str(key).startswith("__") for key in node):
        # fastavro marks what it has parsed with such keys, and believes them.
        return "the schema has keys that begin with two underscores"
    if any(len(str(node.get(key, ""))) > MAX_NAME_CHARACTERS for key in _NAMES):
        return f"the schema has a name of more than {MAX_NAME_CHARACTERS} characters"
    return None
