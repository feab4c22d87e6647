"""Every metric once, with its help text, on a registry that is passed in.

Each subject has a module of its own. The books (records consumed, delivered, ignored, dead-lettered, released, pending)
are not among them: they are read from the offset ledger at each scrape, in one go, so that they balance. See `books`.
"""

from prometheus_client import CollectorRegistry, Info

from consumer.telemetry.direct_call_metrics import DirectCallMetrics
from consumer.telemetry.kafka_metrics import KafkaMetrics
from consumer.telemetry.lane_metrics import LaneMetrics
from consumer.telemetry.liveintent_metrics import LiveIntentMetrics
from consumer.telemetry.metric_makers import PREFIX
from consumer.telemetry.segment_metrics import SegmentMetrics
from consumer.telemetry.withdrawal_metrics import WithdrawalMetrics

__all__ = ["PREFIX", "Metrics"]


class Metrics(KafkaMetrics, SegmentMetrics, LaneMetrics, LiveIntentMetrics):
    """The program's metrics, built once per process (or per test) on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._of_kafka()
        self._of_progress()
        self._of_segment()
        self._of_lanes()
        self._of_liveintent()
        self.of_withdrawals = WithdrawalMetrics(registry, namespace=PREFIX)
        self.of_direct_calls = DirectCallMetrics(registry, namespace=PREFIX)
        self._of_the_process()
        self._show_from_the_start()

    def _of_the_process(self) -> None:
        gauge = self._gauge
        self.ready = gauge("ready", "1 when /readyz answers 200.")
        self.intake_blocked = gauge(
            "intake_blocked", "1 while no record is taken, by reason.", "reason"
        )
        self.memory_budget = gauge("memory_budget_bytes", "What unfinished records may weigh.")
        self.memory_used = gauge(
            "memory_budget_used_bytes", "What unfinished records weigh, by our estimate."
        )
        self.event_loop_lag = gauge(
            "event_loop_lag_seconds",
            "How late the event loop ran a timer, at worst, within the last minute.",
        )
        self.trace_spans = self._counter(
            "trace_spans_total",
            "Spans by what became of them: exported, dropped (the collector took them too slowly, or not at all).",
            "result",
        )
        self.build_info = Info(
            "build", "Version of the program.", namespace=PREFIX, registry=self.registry
        )

    def _show_from_the_start(self) -> None:
        """Series alerts rest on begin at 0: a rate cannot see the first of a series that appears with it."""
        for result in ("ok", "failed"):
            self.offset_commits.labels(result)
            self.dead_letter_writes.labels(result)
        for kind in ("assigned", "revoked", "lost"):
            self.rebalances.labels(kind)
        for result in ("ok", "not_found", "failed"):
            self.schema_requests.labels(result)
        for result in ("remembered", "loaded", "unknown", "refused"):
            self.schema_lookups.labels(result)
        for result in ("exported", "dropped"):
            self.trace_spans.labels(result)
