"""The metrics of direct calls."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

NO_SINK = "none"
"""The label of events that were judged and go nowhere."""

_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)


class DirectCallMetrics:
    """Built once, as a part of `Metrics`."""

    def __init__(self, registry: CollectorRegistry, *, namespace: str) -> None:
        self.calls = Counter(
            "direct_calls_total",
            "Direct calls by sink and outcome: delivered, perhaps_delivered (sent, no answer, never sent again), "
            "direct_call_refused, too_old, released (the next owner of the partition sends it); of sink none: why not.",
            ("sink", "outcome"),
            namespace=namespace,
            registry=registry,
        )
        self.seconds = Histogram(
            "direct_call_duration_seconds",
            "Time from reading a direct call's record to the call's end, whatever it was.",
            ("sink",),
            namespace=namespace,
            registry=registry,
            buckets=_SECONDS,
        )
        self.waiting = Gauge(
            "direct_calls_waiting",
            "Direct calls waiting for their turn.",
            ("sink",),
            namespace=namespace,
            registry=registry,
        )
        self.in_flight = Gauge(
            "direct_calls_in_flight",
            "Direct calls in a request under way.",
            ("sink",),
            namespace=namespace,
            registry=registry,
        )
