"""The life of the process, readable in one place: start, run, drain, stop."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry

from consumer.errors import ReplayUnfinished, SegmentLiveIntentError, SettingsError
from consumer.liveintent.clock import Clock
from consumer.service.assembly import Parts, assemble
from consumer.service.first_series import begin_at_zero
from consumer.service.replay_assembly import note_replay_done
from consumer.service.report import Report
from consumer.settings import Settings
from consumer.telemetry.books import BooksSnapshot
from consumer.telemetry.build import VERSION
from consumer.telemetry.health import serve_health
from consumer.telemetry.loop_lag import measure_loop_lag
from consumer.telemetry.status import Status

log = structlog.get_logger(__name__)

# What is left of DRAIN_SECONDS for the last writes once the uploads had their share.
_LAST_WRITES_SECONDS = 5.0

_REAL_TIME = Clock()


class Service:
    """The whole program but its command line. Run it once."""

    def __init__(self, settings: Settings, *, clock: Clock = _REAL_TIME) -> None:
        """`clock` is the time LiveIntent is waited for by: back-off, polls, deadlines."""
        self._settings = settings
        self._clock = clock
        self._parts: Parts | None = None
        self._report: Report | None = None
        self._lag_watch: asyncio.Task[None] | None = None
        self.http_port: int | None = None

    def status(self) -> Status | None:
        """What the status page shows; None before the start."""
        return None if self._report is None else self._report.status()

    def books(self) -> BooksSnapshot:
        """Where every record read has gone, as of now."""
        return BooksSnapshot() if self._report is None else self._report.books()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then drain, commit, leave, and return.

        Raises a SegmentLiveIntentError for what only an operator can mend, and ReplayUnfinished when a replay beside the
        live group was stopped too early. No outage of Kafka, the registry or
        LiveIntent ends it.
        """
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.TaskGroup() as tasks:
                    parts = await self._start(stack, tasks, stop)
                    await stop.wait()
                    await self._drain(parts)
                    # The group would wait for the parts, which run for ever, and for flushes that were not finished.
                    raise _Drained
            except BaseExceptionGroup as group:
                error = _first(group)
                if isinstance(error, _Drained):
                    self._expect_the_replay_to_be_over()
                    return
                if self._parts is not None:
                    # What is finished is still worth committing; leaving the group lets others take over at once.
                    await self._parts.reader.stop(
                        self._parts.ledger.commitable, commit_seconds=_LAST_WRITES_SECONDS
                    )
                raise error from group

    def _expect_the_replay_to_be_over(self) -> None:
        # A job that ends with 0 is complete, for Kubernetes as for people.
        replay = None if self._parts is None else self._parts.side_replay
        if replay is not None and not replay.is_over:
            message = (
                f"The replay in group {replay.span.group} was stopped before its end. Start it again with the same REPLAY_ID: "
                "it goes on."
            )
            raise ReplayUnfinished(message)

    async def _start(
        self, stack: AsyncExitStack, tasks: asyncio.TaskGroup, stop: asyncio.Event
    ) -> Parts:
        settings = self._settings
        parts = self._parts = await assemble(
            settings, stack, tasks, registry=CollectorRegistry(), clock=self._clock
        )
        begin_at_zero(parts.metrics, settings)
        report = self._report = Report(
            parts, settings, started_at=datetime.now(UTC), now=time.monotonic
        )
        report.register()
        host, port = settings.http_host, settings.http_port
        try:
            self.http_port = await stack.enter_async_context(
                serve_health(report, parts.metrics.registry, host=host, port=port)
            )
        except OSError as error:
            problem = f"HTTP_PORT {port} on HTTP_HOST {host} cannot be served: {error.strerror}."
            raise SettingsError([problem]) from error
        log.info(
            "Started.",
            version=VERSION, group=settings.kafka_group_id, topics=list(settings.kafka_topics),
            http_port=self.http_port,
        )  # fmt: skip
        loop_lag = measure_loop_lag(parts.metrics.event_loop_lag, now=time.monotonic)
        for part in (
            parts.pipeline.run(),
            parts.delivery.run(),
            parts.committer.run(),
            parts.progress.run(),
            parts.ordering.run(),
            parts.replays.run(),
            loop_lag,
        ):
            tasks.create_task(part)
        if parts.privacy is not None:
            tasks.create_task(parts.privacy.delivery.run())
        self._lag_watch = tasks.create_task(parts.lag.run())
        if parts.side_replay is not None:
            tasks.create_task(parts.side_replay.run(stop))
        parts.reader.start()
        return parts

    async def _drain(self, parts: Parts) -> None:
        """Steps: say so; take no more; let uploads finish; write the last dead letters; commit; leave."""
        if self._report is not None:
            self._report.draining = True
        if self._lag_watch is not None:
            # The process cannot end before its threads do, and a question to a dead broker takes seconds: ask no more.
            self._lag_watch.cancel()
        started = time.monotonic()
        parts.ledger.stop_taking(parts.ledger.partitions())
        parts.reader.pause("stopping")
        parts.delivery.stop_starting()
        drain_seconds = max(0.0, self._settings.drain_seconds - _LAST_WRITES_SECONDS)
        drains = [parts.delivery.drain(drain_seconds=drain_seconds)]
        if parts.privacy is not None:
            parts.privacy.delivery.stop_starting()
            drains.append(parts.privacy.delivery.drain(drain_seconds=drain_seconds))
        if parts.direct is not None:
            parts.direct.delivery.stop_starting()
            drains.append(parts.direct.delivery.drain(drain_seconds=drain_seconds))
        finished = all(await asyncio.gather(*drains))
        left = max(2.0, self._settings.drain_seconds - (time.monotonic() - started))
        await parts.dead_letters.close(flush_seconds=min(left / 2, _LAST_WRITES_SECONDS))
        await parts.reader.stop(
            parts.ledger.commitable, commit_seconds=min(left / 2, _LAST_WRITES_SECONDS)
        )
        if parts.side_replay is not None and parts.side_replay.is_over:
            await note_replay_done(self._settings, parts.side_replay.span)
        log.info(
            "Stopped.",
            uploads_finished=finished, records_left=parts.ledger.books.pending,
            seconds=round(time.monotonic() - started, 1),
        )  # fmt: skip


class _Drained(Exception):
    """The service is done."""


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to end with: ours if there is one, for its exit code, else the first."""
    ours, _ = group.split((SegmentLiveIntentError, _Drained))
    error: BaseException = group if ours is None else ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
