"""The stand-in's page, as a browser gets it."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sandbox.faults import Fault, FaultInForce, FaultKind
from consumer.sandbox.liveintent_breaches import Breach, BreachKind
from consumer.sandbox.liveintent_page import ROWS_MAX, PageView, sandbox_page
from consumer.sandbox.liveintent_state import AudienceView, UploadView
from tests.unit.sandbox.liveintent_caller import HASH_A, Caller

NOW = 1_800_000_000.0
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


class Page(HTMLParser):
    """The rows of every table, the tags and the words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data.strip()


def an_audience(number: int = 1, **more: object) -> AudienceView:
    fields = {"name": f"audience_{number}", "status": "Active", "member_count": number}
    return AudienceView(id=900_000 + number, created_at=NOW, **(fields | more))  # type: ignore[arg-type]


def an_upload(name: str = "vip", *, seconds_ago: float = 5, status: str = "Running") -> UploadView:
    return UploadView(
        audience_id=900_001,
        audience_name=name,
        action="ADD",
        identifier_type="EMAIL_HASH",
        status=status,
        rows=1200,
        invalid=3,
        stored_at=NOW - seconds_ago,
        finished_at=None,
        upload_name="b-1.txt",
    )


def a_view(**more: object) -> PageView:
    nothing: dict[str, object] = {
        "audiences": [],
        "uploads": [],
        "requests": {},
        "breaches": [],
        "faults": [],
    }
    return PageView(now=NOW, **(nothing | more))  # type: ignore[arg-type]


def rows_of(view: PageView) -> list[list[str]]:
    return Page(sandbox_page(view)).rows


def test_audiences_uploads_calls_and_breaches_are_shown() -> None:
    rows = rows_of(
        a_view(
            audiences=[an_audience(3, status="Archived")],
            uploads=[an_upload("first", seconds_ago=300), an_upload("second")],
            requests={("mint", 201): 1500, ("mint", 0): 2, ("list", 401): 1},
            breaches=[Breach(BreachKind.RAW_EMAIL, "audience vip")],
        )
    )

    assert ["audience_3", "3", "", "Archived", "900003"] in rows
    uploads = [row for row in rows if "EMAIL_HASH" in row]
    assert [row[0] for row in uploads] == ["second", "first"]
    assert uploads[0][1:] == ["ADD", "EMAIL_HASH", "Running", "1,200", "3", "5 s ago"]
    assert uploads[1][-1] == "5 min ago"
    assert ["mint", "1,502", "dropped: 2, 201: 1,500"] in rows
    assert ["raw_email", "audience vip"] in rows


def test_a_fault_is_shown_with_what_is_left_of_it() -> None:
    met = FaultInForce(Fault(kind=FaultKind.STATUS, times=3, operation="mint"), NOW, met=1)
    later = FaultInForce(Fault(kind=FaultKind.STUCK, audience="vip", after_seconds=9), NOW)

    rows = rows_of(a_view(faults=[met, later]))
    assert ["status", "mint", "any", "1", "2 more", "in force"] in rows
    assert ["stuck", "*", "vip", "0", "", "not begun"] in rows


def test_a_host_nobody_called_says_so_and_the_others_their_counts() -> None:
    others = {"Collector": {"distinct": 0, "statuses": {}}, "Privacy": {"breaches": {"x": 1200}}}
    page = sandbox_page(a_view(others=others))

    assert "Not called yet." in page
    assert ["breaches", "x: 1,200"] in Page(page).rows


def test_a_long_list_is_cut_and_says_so() -> None:
    page = sandbox_page(a_view(audiences=[an_audience(number) for number in range(60)]))

    assert f"{ROWS_MAX} of 60" in page
    assert len(Page(page).rows) == ROWS_MAX + 1


@given(st.text(), st.text())
def test_any_text_stays_text(name: str, status: str) -> None:
    view = a_view(
        audiences=[an_audience(name=name, status=status)],
        breaches=[Breach(BreachKind.RAW_EMAIL, name)],
        others={name: {name: {name: name}}},
    )

    assert Page(sandbox_page(view)).tags.count("section") == 6
    assert "script" not in Page(sandbox_page(view)).tags


def test_the_page_loads_nothing_and_renews_itself() -> None:
    page = sandbox_page(a_view())

    assert 'http-equiv="refresh"' in page
    assert re.findall(r"(?:src|href|url)\s*[=(]", page) == []
    assert 'name="viewport"' in page


async def test_a_browser_gets_the_page_and_no_row_of_a_file(caller: Caller) -> None:
    await caller.upload(await caller.create("vip"), HASH_A)
    reply = await caller.send("GET", f"{caller.sandbox.url}/", BROWSER, None)

    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert b"vip" in reply.body
    assert HASH_A.encode() not in reply.body
    assert b"It is not LiveIntent" in reply.body


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
async def test_who_looks_without_a_browser_gets_the_endpoints(caller: Caller, accept: str) -> None:
    reply = await caller.send("GET", f"{caller.sandbox.url}/", {"Accept": accept}, None)

    assert b"/_sandbox/faults" in reply.body
    assert b"<html" not in reply.body
