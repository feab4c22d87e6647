import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from consumer.cli.demo_verdict import Finding, Verdict
from consumer.cli.demo_view import (
    MEANINGS,
    AudienceView,
    Moment,
    progress_line,
    render_live,
    render_summary,
    save_summary_svg,
)
from consumer.record import IgnoreReason
from consumer.telemetry.books import BooksSnapshot

MOMENT = Moment(
    produced=5_000,
    planned=6_000,
    elapsed_seconds=10.0,
    books=BooksSnapshot(
        consumed=4_000,
        delivered=2_000,
        ignored={"stale": 400, "not_an_audience": 1_500, "duplicate": 0},
        dead_lettered={"undecodable": 1},
        pending=99,
    ),
    audiences=(AudienceView("vip", waiting=17, in_flight=3, members=1_234, added=2_345),),
    page_url="http://127.0.0.1:8080",
)
RIGHT = Verdict((Finding("Books balance", ok=True, detail="3 = 3"),))
WRONG = Verdict((*RIGHT.findings, Finding("Members equal", ok=False, detail="vip: 3 missing")))


def text_of(renderable: RenderableType, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(renderable)
    return console.export_text()


def row(text: str, start: str) -> list[str]:
    """The cells of the first line that has a cell beginning so."""
    lines = [line for line in text.splitlines() if f" {start}" in line]
    return [cell for cell in lines[0].replace("│", " ").split("  ") if cell.strip()]


def test_the_live_view_shows_flow_outcomes_audiences_and_where_to_look() -> None:
    text = text_of(render_live(MOMENT))

    assert "5,000" in text
    assert "3,901" in text
    assert "not_an_audience 1,500  stale 400" in text
    assert "390 records/s" in text
    assert "http://127.0.0.1:8080/ and /metrics" in text
    assert [cell.strip() for cell in row(text, "vip")] == ["vip", "17", "3", "2,345", "0", "0", "1,234"]  # fmt: skip


def test_a_reason_without_records_is_not_shown() -> None:
    assert "duplicate" not in text_of(render_summary(MOMENT, RIGHT))


def test_only_a_demo_without_end_says_how_to_end_it() -> None:
    endless = text_of(render_live(replace(MOMENT, planned=None)))

    assert "Ctrl-C" in endless
    assert "Ctrl-C" not in text_of(render_live(MOMENT))


def test_the_live_view_can_be_drawn_before_anything_happened() -> None:
    nothing = Moment(produced=0, planned=None, elapsed_seconds=0.0)

    assert "Produced" in text_of(render_live(nothing))
    assert nothing.records_per_second == 0.0


@pytest.mark.parametrize("width", [60, 80, 108, 200])
def test_every_view_fits_the_terminal(width: int) -> None:
    for view in (render_live(MOMENT), render_summary(MOMENT, WRONG)):
        assert max(map(len, text_of(view, width).splitlines())) <= min(width, 108)


def test_the_summary_says_every_reason_with_its_meaning() -> None:
    text = text_of(render_summary(MOMENT, RIGHT))

    assert [cell.strip() for cell in row(text, "undecodable")][1:] == ["undecodable", "1", "bytes that are no event"]  # fmt: skip
    assert "views, orders" in row(text, "not_an_audience")[-1]
    assert row(text, "pending")[1].strip() == "99"


def test_a_summary_that_is_right_says_so() -> None:
    text = text_of(render_summary(MOMENT, RIGHT))

    assert "✓ Books balance" in text
    assert "3 = 3" in text
    assert "Everything arrived.  3,901 records in 10.0 s, 390 records/s." in text


def test_a_summary_that_is_wrong_shows_what() -> None:
    text = text_of(render_summary(MOMENT, WRONG))

    assert "✗ Members equal" in text
    assert "vip: 3 missing" in text
    assert "This did not come out right." in text


def test_a_progress_line_holds_the_books() -> None:
    assert progress_line(MOMENT) == (
        "  10.0 s  produced 5,000 of 6,000  read 4,000  delivered 2,000  ignored 1,900  dead letters 1  pending 99"
    )
    assert "of" not in progress_line(replace(MOMENT, planned=None))


def test_every_ignored_reason_has_a_meaning() -> None:
    assert set(IgnoreReason) <= set(MEANINGS)


def test_the_summary_can_be_saved_as_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "demo.svg"

    save_summary_svg(MOMENT, RIGHT, path)

    picture = path.read_text()
    assert picture.startswith("<svg")
    assert "not_an_audience" in picture
