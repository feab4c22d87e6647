import asyncio
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from rich.console import Console
from typer.testing import CliRunner

from consumer.cli import demo as demo_module
from consumer.cli.app import app
from consumer.cli.demo import DemoPlan, DemoResult, play
from consumer.cli.demo_verdict import Verdict
from consumer.cli.demo_view import Moment
from consumer.errors import CheckFailed, ForcedStop, KafkaFatal
from consumer.settings import Settings
from consumer.telemetry.books import BooksSnapshot
from consumer.telemetry.status import Status

PLAN = DemoPlan(events=600, once=True, seed=3, port=0)
ENDLESS = DemoPlan(events=600, once=False, seed=3, port=0)


class CountingService:
    """Reads everything, delivers nothing, and says that it did."""

    http_port: int | None = 1

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumed = 0

    def status(self) -> Status | None:
        return None

    def books(self) -> BooksSnapshot:
        return BooksSnapshot(consumed=self._consumed, delivered=self._consumed)

    async def run(self, stop: asyncio.Event) -> None:
        consumer = Consumer(
            {
                **self._settings.kafka_properties,
                "bootstrap.servers": self._settings.kafka_bootstrap_servers,
                "group.id": self._settings.kafka_group_id,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "log_level": 2,
            }
        )
        consumer.subscribe(list(self._settings.kafka_topics))
        try:
            while not stop.is_set():
                records = await asyncio.to_thread(consumer.consume, 500, 0.05)
                self._consumed += len(records)
                await self.after_reading()
            if self._consumed:
                await asyncio.to_thread(consumer.commit, asynchronous=False)
        finally:
            consumer.close()

    async def after_reading(self) -> None:
        """For those that do more."""


class FailingService(CountingService):
    async def after_reading(self) -> None:
        if self._consumed:
            raise KafkaFatal("the client is dead")


class InterruptedService(CountingService):
    """As if somebody pressed Ctrl-C once it had read something."""

    interrupted = False

    async def after_reading(self) -> None:
        if self._consumed >= 600 and not self.interrupted:
            self.interrupted = True
            os.kill(os.getpid(), signal.SIGINT)


class StuckService(CountingService):
    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()

    def books(self) -> BooksSnapshot:
        os.kill(os.getpid(), signal.SIGTERM)
        return BooksSnapshot()


async def played(
    service_from: Callable[[Settings], CountingService],
    plan: DemoPlan = PLAN,
    console: Console | None = None,
) -> DemoResult:
    nowhere = Console(file=io.StringIO())
    async with asyncio.timeout(30):
        return await play(plan, console or nowhere, service_from=service_from)


async def test_a_service_that_only_says_it_delivered_is_found_out() -> None:
    result = await played(CountingService)

    assert [each.sentence for each in result.verdict.findings if not each.ok] == [
        "Every record ended as the feed meant it",
        "LiveIntent's members equal the oracle",
    ]
    assert result.verdict.differences
    assert result.moment.produced == result.moment.finished == 600


async def test_an_error_of_the_service_ends_the_demo_with_it() -> None:
    with pytest.raises(KafkaFatal, match="the client is dead"):
        await played(FailingService)


async def test_a_demo_without_end_goes_on_until_interrupted_and_lets_everything_arrive() -> None:
    result = await played(InterruptedService, ENDLESS)

    assert result.moment.planned is None
    assert result.moment.produced == result.moment.finished >= 600


async def test_a_second_signal_ends_it_at_once() -> None:
    with pytest.raises(ForcedStop):
        await played(StuckService)


async def test_on_a_terminal_the_demo_is_shown_while_it_runs() -> None:
    screen = io.StringIO()

    await played(CountingService, PLAN, Console(file=screen, force_terminal=True, width=100))

    assert "Produced" in screen.getvalue()
    assert "http://127.0.0.1:1/" in screen.getvalue()


async def test_elsewhere_plain_lines_tell_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "_LINE_SECONDS", 0.01)
    log = io.StringIO()

    await played(CountingService, PLAN, Console(file=log))

    assert "produced 600 of 600" in log.getvalue()
    assert "\x1b" not in log.getvalue()


async def test_a_service_that_makes_no_progress_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo_module, "_STUCK_SECONDS", 0.2)

    class DeafService(StuckService):
        def books(self) -> BooksSnapshot:
            return BooksSnapshot()

    result = await played(DeafService)

    assert not result.verdict.ok
    assert "Every offset is committed" in {e.sentence for e in result.verdict.findings if not e.ok}


def test_the_command_prints_the_summary_and_fails_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo_module, "Service", CountingService)

    result = CliRunner().invoke(app, ["demo", "--once", "--events", "300"])

    assert isinstance(result.exception, CheckFailed)
    assert "LiveIntent's members equal the oracle" in str(result.exception)
    assert "✗ LiveIntent's members equal the oracle" in result.output


def test_the_command_ends_well_and_saves_its_picture_when_everything_is_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def all_right(*_: object, **__: object) -> DemoResult:
        return DemoResult(Moment(produced=1, planned=1, elapsed_seconds=1.0), Verdict(()))

    monkeypatch.setattr(demo_module, "play", all_right)

    result = CliRunner().invoke(app, ["demo", "--once", "--save-svg", str(tmp_path / "demo.svg")])

    assert result.exit_code == 0
    assert "Everything arrived." in result.output
    assert (tmp_path / "demo.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("once", [True, False])
def test_a_plan_has_people_and_an_undecodable_record(once: bool) -> None:
    feed = DemoPlan(events=5_000, once=once, seed=9, port=0).feed

    assert (feed.seed, feed.people) == (9, 1_000)
    assert feed.events // (feed.undecodable + 1) <= 5_000
