"""A verdict as text."""

from dataclasses import asdict, fields

from tests.crash.verdict import Numbers, Verdict

_NARROWEST = 8


def heading() -> str:
    """The line above those of `line_of`."""
    return "  ".join(name.rjust(_width(name)) for name in _columns())


def line_of(verdict: Verdict) -> str:
    """One run in one line."""
    values = asdict(verdict.numbers)
    cells = (f"{values[name]}".rjust(_width(name)) for name in _columns())
    return "  ".join(cells) + ("  ok" if verdict.ok else "  BROKEN")


def summary(verdict: Verdict) -> str:
    """One run in words, without a heading."""
    told = (f"{name.replace('_', ' ')} {value}" for name, value in asdict(verdict.numbers).items())
    return ", ".join(told) + (": ok" if verdict.ok else ": BROKEN")


def trouble(verdict: Verdict) -> str:
    """Everything that was done and seen, and below it what is wrong with it."""
    return "\n".join([*verdict.timeline, "", *(f"- {each}" for each in verdict.problems)])


def _columns() -> list[str]:
    return [field.name for field in fields(Numbers)]


def _width(name: str) -> int:
    return max(len(name), _NARROWEST)
