"""A page that names a test as its proof must not outlive it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHART_PAGE = ROOT / "helm" / "segment-liveintent" / "README.md"
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), CHART_PAGE]
# `tests/path.py::name`, or `tests/path.py::name[case]`; names may hold other tests' names, so the longest match counts.
NAMED = re.compile(r"(tests/[\w./-]+\.py)::(\w+)(?:::(\w+))?")


@cache
def names_in(file: Path) -> frozenset[str]:
    """Return what a test can be named by: functions, classes and what is assigned, `Class::method` included."""
    return frozenset(_names(ast.parse(file.read_text()).body))


def _names(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.ClassDef(name=name, body=inner):
                yield prefix + name
                yield from _names(inner, f"{prefix}{name}::")
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield prefix + name
            case _:
                pass


def named_in(text: str) -> set[tuple[str, str]]:
    """Return every test a text names: its file, and its name in it."""
    return {
        (path, "::".join(filter(None, (name, method))))
        for path, name, method in NAMED.findall(text)
    }


def missing_from(text: str) -> list[str]:
    """Return the tests a text names that are not there."""
    return sorted(
        f"{path}::{name}"
        for path, name in named_in(text)
        if not (ROOT / path).is_file() or name not in names_in(ROOT / path)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_a_page_names_exists(page: Path) -> None:
    assert missing_from(page.read_text()) == []


def test_the_pages_of_points_name_tests() -> None:
    for page in ("0008-kafka-points.md", "0009-liveintent-points.md"):
        assert len(named_in((ROOT / "docs/decisions" / page).read_text())) > 20


def test_every_claim_of_the_chart_beside_others_names_its_test() -> None:
    _, _, table = CHART_PAGE.read_text().partition("## Beside others")
    rows = [line for line in table.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    header, *claims = rows

    assert header.endswith("| ours | shown by |")
    assert len(claims) > 20
    assert [row for row in claims if not named_in(row.rsplit(" | ", 1)[1])] == []


@pytest.mark.parametrize(
    "misspelt",
    [
        "tests/repo/test_named_tests_exist.py::test_every_test_a_page_names_exist",
        "tests/repo/test_named_test_exist.py::test_every_test_a_page_names_exists",
        "tests/repo/test_named_tests_exist.py::TestNothing::test_every_test_a_page_names_exists",
    ],
)
def test_a_misspelt_name_is_noticed(misspelt: str) -> None:
    sentence = f"Proven by `{misspelt}`, and by `tests/repo/test_named_tests_exist.py::named_in`."

    assert missing_from(sentence) == [misspelt]


def test_functions_classes_methods_and_assigned_machines_are_names() -> None:
    source = "async def test_a(): ...\nclass TestB:\n    def test_c(self): ...\nTestD = object\n"

    assert set(_names(ast.parse(source).body)) == {"test_a", "TestB", "TestB::test_c", "TestD"}
