import base64
import hashlib
from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from consumer.telemetry.status import (
    DeadLetterStatus,
    Hold,
    HostStatus,
    LaneStatus,
    LaneTotals,
    LastUploadStatus,
    PartitionStatus,
    Phase,
    ReplayStatus,
    Status,
    Verdict,
)
from consumer.telemetry.status_page import CONTENT_SECURITY_POLICY, status_page
from consumer.telemetry.status_tables import ROWS_MAX
from tests.unit.telemetry.invented_status import NOW, a_busy_status, a_healthy_status, a_partition


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
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_answers_the_first_question_first() -> None:
    page = Page(status_page(a_busy_status()))

    in_this_order = [
        "Needs a look LiveIntent is down for us",
        "calls to api.liveintent.example are held back for 4 min",
        "What to do Wait: it is tried again by itself",
        "Runbook docs/operations.md, SegmentLiveIntentCircuitOpen",
        "Partitions",
    ]
    places = [page.text.index(each) for each in in_this_order]
    assert places == sorted(places)


def test_a_busy_page_shows_every_fact() -> None:
    text = Page(status_page(a_busy_status())).text

    for fact in [
        "segment-liveintent-6d4b9c7f5-x2v8q · version 0.1.0 · ready · started 2026-11-20 09:30:00 UTC · up 2 h 05 min",
        "Lag, records 3,596,120+",
        "Not read yet 3,549,000+",
        "reading is paused for 95 s (the memory budget is used up)",
        "Late by 75 s Lag, records 3,596,120+",
        "segment-events-0 75 s 3,596,000 3,549,000 47,000 1,204,000 4,800,000 offset 1,204,000, read 12 s ago, waits for",
        "paused: the memory budget is used up",
        "old_newsletter 0 0 77001 refused: it is Archived at LiveIntent idle",
        "vip_customers 45,210 100,000 90210 waiting for LiveIntent (Running) for 5 min",
        "API key not refused Host api circuit open: it keeps failing for 4 min, next try in 20 s Host storage not held back",
        "5 requests a second, 4 at once",
        "256.0 of 256 MiB",
        "46,413 waiting, 100,000 in flight in 1 audience",
        "As of 11:30:00 UTC",
        "audience_refused 72 last 2026-11-23 11:15:04 UTC",
        "not_an_audience 3,800",
    ]:
        assert fact in text
    assert "no_consent" not in text


def test_a_healthy_page_has_nothing_held_back() -> None:
    page = status_page(a_healthy_status())

    assert "Held back" not in page
    assert 'class="answer good"' in page
    assert "All is well" in page
    assert "What to do" not in page
    assert "None." in Page(page).text


def test_a_new_process_has_a_page_too() -> None:
    status = Status(
        "0.1.0",
        a_healthy_status().started_at,
        1.0,
        Verdict(ok=False, reasons=("starting",)),
        at=NOW,
        phase=Phase.STARTING,
    )
    text = Page(status_page(status)).text

    assert "It is starting" in text
    assert "Not ready: starting." in text
    assert "No partition is assigned to this process." in text
    assert "No audience has had a change yet." in text


def test_the_registry_is_named_when_it_is_waited_for() -> None:
    status = replace(a_healthy_status(), registry_waiting="schema 7")

    text = Page(status_page(status)).text

    assert "A record waits for its schema" in text
    assert "waiting for the schema registry (schema 7)" in text


def test_what_the_answer_says_already_is_not_said_again() -> None:
    hold = Hold("calls are held back", "our API key is refused", 60.0)
    refused = Verdict(ok=False, reasons=("calls are held back: our API key is refused",))
    status = replace(a_healthy_status(), holds=(hold,), ready=refused)
    other = replace(status, ready=Verdict(ok=False, reasons=("draining",)))

    assert "Held back" not in Page(status_page(status)).text
    assert "not ready: draining" in Page(status_page(other)).text


def test_a_partition_with_nothing_left_waits_for_nothing() -> None:
    waits = replace(a_partition(), waits_for="Kafka to give its records")
    behind = replace(a_partition(end=600), waits_for="Kafka to give its records")

    def text(partition: PartitionStatus) -> str:
        return Page(status_page(replace(a_healthy_status(), partitions=(partition,)))).text

    assert "waits for Kafka" not in text(waits)
    assert "waits for Kafka to give its records" in text(behind)


def test_what_is_not_known_is_a_dash_and_not_a_zero() -> None:
    status = replace(
        a_healthy_status(),
        partitions=(PartitionStatus("t", 0, oldest_offset=7),),
        dead_letters=(DeadLetterStatus("undecodable", 1),),
    )
    text = Page(status_page(status)).text

    assert "Lag, records –" in text  # noqa: RUF001
    assert "t-0 – – – 0 – – offset 7" in text  # noqa: RUF001
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
    idle = (LaneStatus(f"a{n:04}") for n in range(99))
    lanes = (LaneStatus("zz", refused="no"), *idle)
    totals = LaneTotals(audiences=1201, refused=1, uploading=7)
    partitions = tuple(a_partition(n, end=500 + n) for n in range(300))
    status = replace(a_healthy_status(), lanes=lanes, lane_totals=totals, partitions=partitions)
    page = Page(status_page(status))

    assert "1 refused, 7 with an upload under way" in page.text
    assert f"the worst {ROWS_MAX} of 1,201" in page.text
    assert f"the worst {ROWS_MAX} of 300" in page.text
    assert "zz" in page.text
    assert "segment-events-299" in page.text
    assert "segment-events-0 " not in page.text


def test_the_page_loads_nothing_from_anywhere() -> None:
    page = Page(status_page(a_busy_status()))

    assert page.tags.isdisjoint({"img", "iframe", "object", "form"})
    icon, *links = page.addresses
    assert icon.startswith("data:image/svg+xml,")
    assert links == ["status", "metrics", "readyz", "livez"]


def test_only_the_pages_own_script_and_style_are_allowed() -> None:
    html = status_page(a_busy_status())
    for tag in ("script", "style"):
        content = html.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert html.count("<script") == 1


def test_several_topics_have_a_line_each() -> None:
    other = replace(a_partition(position=510, end=700), topic="other-events", late_seconds=None)
    status = replace(a_healthy_status(), partitions=(a_partition(0), a_partition(1), other))
    text = Page(status_page(status)).text

    assert "segment-events 2 0 s 0 0 0" in text
    assert "other-events 1 – 200 190 10" in text  # noqa: RUF001
    assert "Topics" not in Page(status_page(a_busy_status())).text


def test_a_replay_is_named_with_what_is_left_of_it() -> None:
    replay = ReplayStatus(("lost-afternoon",), 1204)
    status = replace(a_healthy_status(), partitions=(a_partition(end=900),), replay=replay)
    text = Page(status_page(status)).text

    assert "A replay is under way" in text
    assert "records are delivered again by lost-afternoon; 1,204 records left" in text
    by_hand = replace(status, replay=ReplayStatus((), 3))
    assert "records are delivered again, set back by hand; 3 records left" in (
        Page(status_page(by_hand)).text
    )


def test_a_refused_key_and_a_wait_liveintent_asked_for_are_told_beside_the_host() -> None:
    refused = HostStatus("api", "unauthorised", 240.0, 20.0)
    waiting = HostStatus("storage", "asked_to_wait", 2.0, 600.0)
    text = Page(status_page(replace(a_healthy_status(), liveintent=(refused, waiting)))).text

    assert "API key refused for 4 min, next try in 20 s" in text
    assert "Host api not called: it refuses our API key" in text
    assert "Host storage it asked us to wait for 2 s, next try in 10 min" in text


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
        lane_totals=LaneTotals(),
        holds=(Hold(text, text, 1.0),),
        dead_letters=(DeadLetterStatus(text, 1),),
        registry_waiting=text,
        group=text,
        liveintent=(HostStatus(text, text, 1.0, 1.0),),
        replay=ReplayStatus((text,), 1),
        ready=Verdict(ok=False, reasons=(text,)),
    )
    page = Page(status_page(status))

    assert page.open == []
    assert (
        page.tags
        == Page(status_page(replace(a_busy_status(), replay=ReplayStatus(("x",), 1)))).tags
    )
    assert f"not ready: {' '.join(text.split())}".rstrip() in page.text


def test_what_liveintent_made_of_an_audiences_last_file_is_shown_when_rows_are_lost() -> None:
    def text(invalid: int, missing: int) -> str:
        last = LastUploadStatus("add", "EMAIL_HASH", 1200, 1100, invalid, 0, missing, 5.0)
        return Page(
            status_page(replace(a_busy_status(), lanes=(LaneStatus("vip", last_upload=last),)))
        ).text

    assert "last file: 1,200 rows, 90 invalid, 10 not counted" in text(90, 10)
    assert "last file" not in text(0, 0)
