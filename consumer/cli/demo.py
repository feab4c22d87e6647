"""`segment-liveintent demo`: the whole system in one process, and proof that it did what it should."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.live import Live

from consumer.cli.demo_feed import MOST_UNFINISHED, DemoFeed
from consumer.cli.demo_stage import DemoService, Stage
from consumer.cli.demo_verdict import Verdict
from consumer.cli.demo_view import (
    Moment,
    addresses_line,
    progress_line,
    render_live,
    render_summary,
    save_summary_svg,
)
from consumer.cli.demo_world import TOPIC, demo_world
from consumer.errors import CheckFailed, ForcedStop
from consumer.sandbox.segment_feed import FeedOptions
from consumer.service import Service
from consumer.settings import LogFormat, LogLevel, Settings, load_settings
from consumer.telemetry.logs import configure_logs

_ENDLESS_EVENTS = 1_000_000
_TRICKLE_EVENTS = 20
_TRICKLE_SECONDS = 1.0
_FRAME_SECONDS = 0.2
_LINE_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.05
# Many times what a flush and its upload take here.
_STUCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What to play. With `once` it ends by itself after `events` records; without, more trickle in."""

    events: int
    once: bool
    seed: int
    port: int

    @property
    def most_unfinished(self) -> int:
        """Records under way at most: few enough for several uploads per audience, and for the mock cluster's memory."""
        return min(max(self.events // 4, 500), MOST_UNFINISHED)

    @property
    def feed(self) -> FeedOptions:
        """The feed to generate, with about one undecodable record in `events`."""
        people = min(max(self.events // 5, 50), 50_000)
        if self.once:
            return FeedOptions(seed=self.seed, events=self.events, people=people)
        undecodable = _ENDLESS_EVENTS // max(self.events, 1_000)
        return FeedOptions(
            seed=self.seed, events=_ENDLESS_EVENTS, people=people, undecodable=undecodable
        )


@dataclass(frozen=True, slots=True)
class DemoResult:
    """How a demo ended."""

    moment: Moment
    verdict: Verdict


def demo(
    events: Annotated[
        int, typer.Option("--events", min=1, max=_ENDLESS_EVENTS, help="How many Segment events to begin with.")
    ] = 5_000,
    once: Annotated[
        bool, typer.Option("--once", help="End when they are delivered, and check the outcome.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same events.")] = 1,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="Port of the status page; 0 takes a free one.")
    ] = 0,
    save_svg: Annotated[Path | None, typer.Option("--save-svg", hidden=True, dir_okay=False)] = None,
) -> None:  # fmt: skip
    """Play the whole system in one process: nothing to install, nothing leaves this machine.

    Kafka, the schema registry and LiveIntent are stand-ins, and the people are invented; the service is the real one.
    Without --once it goes on, a few events a second, until Ctrl-C. At the end what LiveIntent holds is compared with
    what the events meant: exit code 3 if the two differ.

    Example: segment-liveintent demo --once --events 20000
    """
    console = Console()
    plan = DemoPlan(events=events, once=once, seed=seed, port=port)
    configure_logs(LogLevel.ERROR, LogFormat.AUTO, stream=sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(play(plan, console, service_from=Service))
    console.print(render_summary(result.moment, result.verdict))
    if save_svg is not None:
        save_summary_svg(result.moment, result.verdict, save_svg)
    if not result.verdict.ok:
        wrong = [finding.sentence for finding in result.verdict.findings if not finding.ok]
        raise CheckFailed("Not so: " + "; ".join(wrong) + ".")


async def play(
    plan: DemoPlan, console: Console, *, service_from: Callable[[Settings], DemoService]
) -> DemoResult:
    """Set everything up, play the plan, stop the service, and judge what is left behind.

    The first Ctrl-C ends the feed and lets everything arrive; the second raises ForcedStop. Raises what the service
    raises.
    """
    options = plan.feed
    async with demo_world(
        audiences=options.audiences,
        consent_category=options.consent_category or "",
        http_port=plan.port,
    ) as world:
        service = service_from(load_settings(world.environ))
        feed = DemoFeed(
            options,
            bootstrap_servers=world.kafka.bootstrap_servers,
            topic=TOPIC,
            schema_id=world.schema_id,
            most_unfinished=plan.most_unfinished,
        )
        stage = Stage(
            world,
            service,
            feed,
            planned=plan.events if plan.once else None,
            now=time.monotonic,
        )
        try:
            await _perform(plan, stage, console)
        finally:
            feed.close()
        return DemoResult(stage.last_moment(), await stage.verdict())


async def _perform(plan: DemoPlan, stage: Stage, console: Console) -> None:
    """Run the service and the feed together until all is over, or until either fails."""
    stop, leave, forced = asyncio.Event(), asyncio.Event(), asyncio.Event()
    try:
        with _signals(leave, forced):
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(stage.service.run(stop))
                around = [
                    tasks.create_task(_show(stage, console)),
                    tasks.create_task(_end_when(forced)),
                ]
                await _feed_until_rest(plan, stage, leave)
                stop.set()
                await serving
                for task in around:
                    task.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


async def _feed_until_rest(plan: DemoPlan, stage: Stage, leave: asyncio.Event) -> None:
    feed = stage.feed
    await feed.produce(plan.events, finished=stage.finished, leave=leave)
    while not plan.once and not leave.is_set():
        await feed.produce(_TRICKLE_EVENTS, finished=stage.finished, leave=leave)
        with suppress(TimeoutError):
            async with asyncio.timeout(_TRICKLE_SECONDS):
                await leave.wait()
    await asyncio.to_thread(feed.flush)
    moved_at, seen = time.monotonic(), stage.service.books()
    # Without progress for so long, something is wrong: then the verdict says what.
    while stage.finished() < feed.produced and time.monotonic() - moved_at < _STUCK_SECONDS:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        if (books := stage.service.books()) != seen:
            moved_at, seen = time.monotonic(), books
    stage.rest()


async def _show(stage: Stage, console: Console) -> None:
    """Show how it goes on, until cancelled."""
    if not console.is_terminal:
        await _show_lines(stage, console)
    redirected = sys.stderr.isatty()
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stderr=redirected
    ) as live:
        # Once more, for what stands in for stderr now: log lines go above the picture, not through it.
        configure_logs(LogLevel.ERROR, LogFormat.AUTO, stream=sys.stderr)
        while True:
            live.update(render_live(stage.moment()), refresh=True)
            await asyncio.sleep(_FRAME_SECONDS)


async def _end_when(forced: asyncio.Event) -> None:
    await forced.wait()
    raise ForcedStop("A second signal ended the demo before everything had arrived.")


@contextmanager
def _signals(leave: asyncio.Event, forced: asyncio.Event) -> Iterator[None]:
    """The first SIGINT or SIGTERM sets `leave`, the next `forced`."""

    def on_signal() -> None:
        (forced if leave.is_set() else leave).set()

    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, on_signal)
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


async def _show_lines(stage: Stage, console: Console) -> None:
    """Say where to look as soon as it is known, then how it goes on, until cancelled."""
    told = False
    while True:
        await asyncio.sleep(_LINE_SECONDS if told else _LOOK_AGAIN_SECONDS)
        if told:
            console.out(progress_line(stage.moment()), highlight=False)
        elif stage.service.http_port is not None:
            console.out(addresses_line(stage.moment()), highlight=False)
            told = True
