"""The README's table of the chart's values, made from the comments in values.yaml."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.chart.paths import CHART

_FIRST, _NEXT = "# -- ", "# "


@dataclass(frozen=True, slots=True)
class Value:
    """One key of values.yaml. `meaning` is empty where there is no comment `# -- ...` above it."""

    path: str
    default: Any
    meaning: str
    is_group: bool
    """Whether the keys below it have meanings of their own."""


def chart_values() -> list[Value]:
    """Every key of values.yaml in the order of the file; not those written inside of `{}` or of a list."""
    text = (CHART / "values.yaml").read_text("utf-8")
    root = yaml.compose(text)
    assert root is not None, "values.yaml is empty"
    return list(_values(root, text.splitlines(), ()))


def values_table() -> str:
    """A Markdown table of every key with a meaning."""
    rows = [
        f"| `{value.path}` | {'' if value.is_group else _shown(value.default)} | {_escaped(value.meaning)} |"
        for value in chart_values()
        if value.meaning
    ]
    return "\n".join(["| Value | Default | Meaning |", "|---|---|---|", *rows]) + "\n"


def _values(node: yaml.Node, lines: Sequence[str], above: tuple[str, ...]) -> Iterator[Value]:
    for key, value in node.value:
        path = (*above, key.value)
        is_group = _has_meanings(value, lines)
        yield Value(
            ".".join(path),
            yaml.safe_load(yaml.serialize(value)),
            _meaning(lines[: key.start_mark.line]),
            is_group,
        )
        if is_group:
            yield from _values(value, lines, path)


def _has_meanings(node: yaml.Node, lines: Sequence[str]) -> bool:
    """Whether any key below has one. Labels and the like are one value, even where they are written as a block."""
    return isinstance(node, yaml.MappingNode) and any(
        _meaning(lines[: key.start_mark.line]) or _has_meanings(value, lines)
        for key, value in node.value
    )


def _meaning(above: Sequence[str]) -> str:
    """The comment that ends right above a key and begins with `# -- `."""
    words: list[str] = []
    for line in reversed(above):
        text = line.strip()
        if text.startswith(_FIRST):
            return " ".join([text.removeprefix(_FIRST), *reversed(words)])
        if not text.startswith(_NEXT):
            return ""
        words.append(text.removeprefix(_NEXT))
    return ""


def _escaped(meaning: str) -> str:
    return meaning.replace("|", r"\|")


def _shown(default: Any) -> str:  # noqa: ANN401 - whatever YAML holds
    return "unset" if default is None or default == "" else f"`{json.dumps(default)}`"
