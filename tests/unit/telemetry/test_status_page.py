from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from consumer.telemetry.status import (
    DeadLetterStatus,
    Hold,
    LaneStatus,
    LastUploadStatus,
    PartitionStatus,
    Status,
    Verdict,
)
from consumer.telemetry.status_page import ROWS_MAX, status_page
from tests.unit.telemetry.invented_status import a_busy_status, a_healthy_status, a_partition


class Page(HTMLParser):
    """The text people read, and the tags around it."""

    VOID = ("meta", "br", "link")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_answers_the_first_question_first() -> None:
    page = Page(status_page(a_busy_status()))

    question = page.text.index("Why is it behind?")
    assert page.text.index("calls to api.liveintent.example are held back for 4 min") > question
    assert page.text.index("Partitions") > question


def test_a_busy_page_shows_every_fact() -> None:
    text = Page(status_page(a_busy_status())).text

    for fact in [
        "segment-liveintent-6d4b9c7f5-x2v8q · version 0.1.0 · ready · started 2026-11-20 09:30:00 UTC · up 2 h 05 min",
        "Lag, records 3,596,120+",
        "Not read yet 3,549,000+",
        "reading is paused for 95 s (the memory budget is used up)",
        "segment-events-0 3,596,000 3,549,000 47,000 1,204,000 4,800,000 offset 1,204,000, read 12 s ago, waits for",
        "paused: the memory budget is used up",
        "old_newsletter 0 0 idle refused: it is Archived at LiveIntent 77001",
        "vip_customers 45,210 100,000 waiting for LiveIntent (Running) for 5 min 90210",
        "audience_refused 72 last 2026-11-23 11:15:04 UTC",
        "not_an_audience 3,800",
    ]:
        assert fact in text
    assert "no_consent" not in text


def test_a_healthy_page_has_nothing_held_back() -> None:
    page = status_page(a_healthy_status())

    assert "Held back" not in page
    assert 'class="answer good"' in page
    assert "None." in Page(page).text


def test_a_new_process_has_a_page_too() -> None:
    status = Status(
        "0.1.0", a_healthy_status().started_at, 1.0, Verdict(ok=False, reasons=("starting",))
    )
    text = Page(status_page(status)).text

    assert "not ready: starting" in text
    assert "No partition is assigned to this process." in text
    assert "No audience has had a change yet." in text


def test_the_registry_is_named_when_it_is_waited_for() -> None:
    status = replace(a_healthy_status(), registry_waiting="schema 7")

    assert "waiting for the schema registry (schema 7)" in Page(status_page(status)).text


def test_what_is_not_known_is_a_dash_and_not_a_zero() -> None:
    status = replace(
        a_healthy_status(),
        partitions=(PartitionStatus("t", 0, oldest_offset=7),),
        dead_letters=(DeadLetterStatus("undecodable", 1),),
    )
    text = Page(status_page(status)).text

    assert "Lag, records –" in text  # noqa: RUF001
    assert "t-0 – – 0 – – offset 7" in text  # noqa: RUF001
    assert "undecodable 1" in text


def test_a_partition_says_that_it_stands_still_replays_or_has_more_that_cannot_be_read() -> None:
    stalled = replace(
        a_partition(0, end=600),
        progress="stalled",
        still_seconds=1_900.0,
        waits_for="Kafka to take its commit",
    )
    replaying = replace(a_partition(1, end=600), progress="replaying", unstable=12)
    text = Page(status_page(replace(a_healthy_status(), partitions=(stalled, replaying)))).text

    assert "no progress for 31 min waits for Kafka to take its commit" in text
    assert (
        "replaying: its offset was set back; 12 more behind a transaction that has not ended"
        in text
    )


def test_a_long_list_shows_the_worst_and_says_how_many_there_are() -> None:
    idle = (LaneStatus(f"a{n:04}") for n in range(1200))
    lanes = (*idle, LaneStatus("zz", refused="no"))
    partitions = tuple(a_partition(n, end=500 + n) for n in range(300))
    page = Page(status_page(replace(a_healthy_status(), lanes=lanes, partitions=partitions)))

    assert f"the first {ROWS_MAX} of 1,201" in page.text
    assert f"the first {ROWS_MAX} of 300" in page.text
    assert "zz" in page.text
    assert "segment-events-299" in page.text
    assert "segment-events-0 " not in page.text


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = Page(status_page(a_busy_status()))

    assert page.tags.isdisjoint({"script", "link", "img", "iframe"})
    assert page.addresses == ["status", "metrics", "readyz", "livez"]


@given(st.text(alphabet="<>&\"'$ab{}", min_size=1, max_size=12))
def test_any_text_stays_text(text: str) -> None:
    status = replace(
        a_healthy_status(),
        version=text,
        instance=text,
        partitions=(
            replace(
                a_partition(position=501, end=501), topic=text, oldest_why=text, paused=(text,)
            ),
        ),
        lanes=(LaneStatus(text, stage=text, refused=text),),
        holds=(Hold(text, text, 1.0),),
        dead_letters=(DeadLetterStatus(text, 1),),
        registry_waiting=text,
        ready=Verdict(ok=False, reasons=(text,)),
    )
    page = Page(status_page(status))

    assert page.open == []
    assert page.tags == Page(status_page(replace(a_busy_status(), instance="x"))).tags
    assert f"not ready: {' '.join(text.split())}".rstrip() in page.text


def test_what_liveintent_made_of_an_audiences_last_file_is_shown_when_rows_are_lost() -> None:
    def text(invalid: int, missing: int) -> str:
        last = LastUploadStatus("add", "EMAIL_HASH", 1200, 1100, invalid, 0, missing, 5.0)
        return Page(
            status_page(replace(a_busy_status(), lanes=(LaneStatus("vip", last_upload=last),)))
        ).text

    assert "last file: 1,200 rows, 90 invalid, 10 not counted" in text(90, 10)
    assert "last file" not in text(0, 0)
