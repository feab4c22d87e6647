import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from consumer.record import IgnoreReason
from consumer.telemetry.books import BooksCollector, BooksSnapshot
from consumer.telemetry.health import serve_health
from consumer.telemetry.status import LANES_SHOWN, Status, Verdict
from tests.unit.telemetry.invented_status import a_busy_status, a_healthy_status

HEALTH_SECONDS = aiohttp.ClientTimeout(total=5)


@dataclass
class Source:
    """A service that says what it is told to."""

    live_verdict: Verdict = field(default_factory=lambda: Verdict(ok=True))
    ready_verdict: Verdict = field(default_factory=lambda: Verdict(ok=True))
    now: Status = field(default_factory=a_healthy_status)

    def live(self) -> Verdict:
        return self.live_verdict

    def ready(self) -> Verdict:
        return self.ready_verdict

    def status(self, *, lanes_max: int = LANES_SHOWN) -> Status:
        return replace(self.now, lanes=self.now.lanes[:lanes_max])


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(BooksCollector(lambda: BooksSnapshot(consumed=7, pending=7)))
    Gauge("segment_liveintent_ready", "Ready.", registry=registry).set(1)
    return registry


@pytest.fixture
async def http(source: Source, registry: CollectorRegistry) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        serve_health(source, registry, host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=HEALTH_SECONDS) as session,
    ):
        yield session


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_yes_is_200(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as response:
        assert response.status == 200
        assert await response.json() == {"ok": True, "reasons": []}


async def test_no_is_503_with_its_reasons(http: aiohttp.ClientSession, source: Source) -> None:
    source.ready_verdict = Verdict(ok=False, reasons=("draining",))

    async with http.get("/readyz") as ready, http.get("/livez") as live:
        assert ready.status == 503
        assert await ready.json() == {"ok": False, "reasons": ["draining"]}
        assert live.status == 200


async def test_metrics_are_prometheus_text_by_default(http: aiohttp.ClientSession) -> None:
    async with http.get("/metrics") as response:
        text = await response.text()

    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "segment_liveintent_records_consumed_total 7.0" in text
    assert "segment_liveintent_records_pending 7.0" in text
    assert not text.endswith("# EOF\n")


async def test_metrics_are_openmetrics_when_asked_for(http: aiohttp.ClientSession) -> None:
    accept = "application/openmetrics-text; version=1.0.0; charset=utf-8, text/plain;q=0.5"

    async with http.get("/metrics", headers={"Accept": accept}) as response:
        text = await response.text()

    assert response.headers["Content-Type"].startswith(
        "application/openmetrics-text; version=1.0.0"
    )
    assert text.endswith("# EOF\n")


async def test_metrics_are_of_this_moment(
    http: aiohttp.ClientSession, registry: CollectorRegistry
) -> None:
    gauge = Gauge("segment_liveintent_test", "Test.", registry=registry)
    for value in (1, 2):
        gauge.set(value)
        async with http.get("/metrics") as response:
            assert f"segment_liveintent_test {value}.0" in await response.text()


async def test_the_status_is_json_with_the_answer_first(
    http: aiohttp.ClientSession, source: Source
) -> None:
    source.now = replace(
        a_busy_status(), books=BooksSnapshot(consumed=1, ignored={IgnoreReason.STALE: 1})
    )

    async with http.get("/status") as response:
        status = await response.json()

    assert list(status)[:5] == ["why_behind", "mood", "cause", "to_do", "runbook"]
    assert status["runbook"] == "SegmentLiveIntentCircuitOpen"
    assert status["phase"] == "running"
    assert status["mood"] == "held"
    assert status["partitions"][0]["lag"] == 3_596_000
    assert status["partitions"][2]["end"] is None
    assert status["lanes"][0]["stage"] == "waiting for LiveIntent (Running)"
    assert status["books"]["ignored"] == {"stale": 1}
    assert status["dead_letters"][1]["last_at"] == "2026-11-23T11:15:04+00:00"
    assert status["ready"] == {"ok": True, "reasons": []}


async def test_the_status_lists_as_many_audiences_as_it_is_asked_for(
    http: aiohttp.ClientSession, source: Source
) -> None:
    source.now = a_busy_status()

    async with http.get("/status?lanes=2") as two, http.get("/status?lanes=999999999") as every:
        assert len((await two.json())["lanes"]) == 2
        assert len((await every.json())["lanes"]) == 4


@pytest.mark.parametrize("asked", ["", "-1", "all", "٣", "9999999999"])
async def test_a_number_of_audiences_that_is_none_is_refused_in_words(
    http: aiohttp.ClientSession, asked: str
) -> None:
    async with http.get("/status", params={"lanes": asked}) as answer:
        assert answer.status == 400
        assert await answer.text() == "lanes is how many audiences to list, such as 1000.\n"


async def test_the_page_is_at_the_root(http: aiohttp.ClientSession) -> None:
    async with http.get("/") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Not behind: every record is read and finished." in await response.text()


@pytest.mark.parametrize("path", ["/", "/status", "/metrics", "/livez", "/nothing-here"])
async def test_every_answer_is_hardened(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as response:
        headers = response.headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["Server"] == "segment-liveintent"


async def test_only_reading_is_allowed(http: aiohttp.ClientSession) -> None:
    async with http.post("/status") as post, http.head("/livez") as head:
        assert (post.status, head.status) == (405, 200)


async def test_the_port_is_free_again_afterwards(
    source: Source, registry: CollectorRegistry
) -> None:
    async with serve_health(source, registry, host="127.0.0.1", port=0) as port:
        with pytest.raises(OSError, match="address already in use"):
            async with (
                asyncio.timeout(5),
                serve_health(source, registry, host="127.0.0.1", port=port),
            ):
                pass

    async with serve_health(source, registry, host="127.0.0.1", port=port) as again:
        assert again == port
