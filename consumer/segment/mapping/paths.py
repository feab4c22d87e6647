"""How a mapping names things: paths into a record, and patterns for the names of columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ANY = "*"

_STEP = re.compile(r'"([^"]+)"|([^".]+)')

Path = tuple[str, ...]
Get = Callable[[Mapping[str, object]], object]


def path_of(text: str) -> Path:
    """The steps of a path: names with full stops between; a name that has one itself stands in double quotes.

    Raises ValueError when the text is no path.
    """
    steps: list[str] = []
    end = -1
    while end < len(text):
        step = _STEP.match(text, end + 1)
        if step is None or (step.end() < len(text) and text[step.end()] != "."):
            message = f"is no path: {text!r} (names with full stops between; a name with one itself in double quotes)"
            raise ValueError(message)
        steps.append(step[1] or step[2])
        end = step.end()
    return tuple(steps)


def text_of(path: Sequence[str]) -> str:
    """The path as a mapping writes it: the opposite of `path_of`."""
    return ".".join(f'"{step}"' if "." in step else step for step in path)


@dataclass(frozen=True, slots=True)
class FieldOf:
    """What finds a field of the record itself. Known by its name, so that many can be looked up in one go."""

    name: str

    def __call__(self, record: Mapping[str, object]) -> object:
        """The field's value; None when there is nothing."""
        return record.get(self.name)


def getter(path: Path) -> Get:
    """What finds the value at the path; None when there is nothing."""
    if len(path) == 1:
        return FieldOf(path[0])

    def get(record: Mapping[str, object]) -> object:
        value: object = record
        for step in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(step)
        return value

    return get


def matched(pattern: str, name: str) -> str | None:
    """What the star in the pattern stands for in `name`, the name itself for a pattern without one; None: no match."""
    before, star, after = pattern.partition(ANY)
    if not star:
        return name if name == pattern else None
    if len(name) <= len(before) + len(after) or not name.startswith(before):
        return None
    return name[len(before) : len(name) - len(after)] if name.endswith(after) else None
