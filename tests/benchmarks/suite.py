"""Which runs there are, and in what order: round by round, so that what disturbs one row disturbs all."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from consumer.choices import DirectCallSink
from tests.benchmarks.feeds import MIXED_NOISE_SHARE, Feed, audience_feed, direct_call_feed
from tests.benchmarks.floor import Floor
from tests.benchmarks.floor_run import run_floor
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.paced_run import run_paced
from tests.benchmarks.rows import PACED, Row, Summary, summary_of
from tests.benchmarks.service_run import run_service
from tests.benchmarks.shared_run import run_shared
from tests.benchmarks.stage import Stage, Topic

Tell = Callable[[str], None]

IDLE_EVENTS_PER_SECOND = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything. Calls are fewer than events: each of them costs more."""

    events: int
    conversions: int
    collector_calls: int
    runs: int
    paced_seconds: float


FULL = Plan(events=300_000, conversions=40_000, collector_calls=15_000, runs=3, paced_seconds=15)
QUICK = Plan(events=30_000, conversions=8_000, collector_calls=3_000, runs=1, paced_seconds=6)


@dataclass(slots=True)
class Suite:
    """Runs rows on a stage. Topics are filled when first needed, outside of every run."""

    stage: Stage
    plan: Plan
    tell: Tell
    _feeds: dict[str, Feed] = field(default_factory=dict)
    _topics: dict[str, Topic] = field(default_factory=dict)
    _measured: dict[Row, list[Measurement]] = field(default_factory=lambda: defaultdict(list))

    def run(self, rows: Collection[Row]) -> dict[Row, Summary]:
        """Run these rows as often as planned."""
        for number in range(1, self.plan.runs + 1):
            for row in Row:
                # At a pace one run tells as much as three.
                if row in rows and (number == 1 or row not in PACED):
                    self._run(row, f"run {number} of {1 if row in PACED else self.plan.runs}")
        return {row: summary_of(row, self._measured[row]) for row in Row if row in rows}

    def topic(self, row: Row) -> Topic:
        """The topic a row reads, filled."""
        name = _FEEDS.get(row, "audiences")
        if name not in self._topics:
            self._topics[name] = self.stage.topic_of(name, self._feed(name))
        return self._topics[name]

    def _feed(self, name: str) -> Feed:
        if name not in self._feeds:
            self.tell(f"making the events: {name}")
            self._feeds[name] = self._made(name)
        return self._feeds[name]

    def _made(self, name: str) -> Feed:
        plan = self.plan
        match name:
            case "mixed":
                return audience_feed(plan.events, noise_share=MIXED_NOISE_SHARE)
            case DirectCallSink.CONVERSIONS:
                return direct_call_feed(plan.conversions, DirectCallSink.CONVERSIONS)
            case DirectCallSink.COLLECTOR:
                return direct_call_feed(plan.collector_calls, DirectCallSink.COLLECTOR)
            case _:
                return audience_feed(plan.events)

    def _run(self, row: Row, which: str) -> None:
        measure = self._measure_of(row)
        measured = measure()
        self._measured[row].append(measured)
        self.tell(
            f"{row.label}, {which}: {measured.events_per_second:,.0f} events/s, "
            f"{measured.cpu_seconds_per_million:.1f} CPU s/M, {measured.seconds:.1f} s"
        )

    def _measure_of(self, row: Row) -> Callable[[], Measurement]:
        stage = self.stage
        match row:
            case Row.CONSUME | Row.DECODE | Row.DECODE_MIXED:
                floor = Floor.CONSUME if row is Row.CONSUME else Floor.DECODE
                return partial(run_floor, stage, self.topic(row), floor)
            case Row.IDLE | Row.HALF:
                return partial(
                    run_paced, stage, per_second=self._pace(row), seconds=self.plan.paced_seconds
                )
            case Row.ONE | Row.TWO:
                feed = self.topic(row).feed
                return partial(run_shared, stage, feed, processes=1 if row is Row.ONE else 2)
            case _:
                return partial(run_service, stage, self.topic(row))

    def _pace(self, row: Row) -> float:
        if row is Row.IDLE:
            return IDLE_EVENTS_PER_SECOND
        if not self._measured[Row.AUDIENCES]:
            self._run(Row.AUDIENCES, "to know its speed")
        return self._measured[Row.AUDIENCES][0].events_per_second / 2


# What a row reads, where it is not events of audiences.
_FEEDS: Mapping[Row, str] = {
    Row.DECODE_MIXED: "mixed",
    Row.MIXED: "mixed",
    Row.CONVERSIONS: DirectCallSink.CONVERSIONS,
    Row.COLLECTOR: DirectCallSink.COLLECTOR,
}
