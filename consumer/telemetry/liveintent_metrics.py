"""The metrics of calls to LiveIntent, and of its audiences."""

from consumer.telemetry.metric_makers import HTTP_SECONDS, MetricMakers


class LiveIntentMetrics(MetricMakers):
    """A part of `Metrics`."""

    def _of_liveintent(self) -> None:
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.liveintent_requests = counter(
            "liveintent_requests_total",
            "Requests by operation and status class: 2xx, 3xx, 4xx, 5xx, timeout, reset, unreachable.",
            "operation",
            "status_class",
        )
        self.liveintent_request_seconds = histogram(
            "liveintent_request_duration_seconds",
            "Time of one HTTP exchange with LiveIntent.",
            HTTP_SECONDS,
            "operation",
        )
        self.liveintent_retries = counter(
            "liveintent_retries_total",
            "Requests put off to be sent again, by operation and cause.",
            "operation",
            "cause",
        )
        self.circuit_open = gauge(
            "circuit_open",
            "1 while calls to a LiveIntent host are held back after failures.",
            "host",
        )
        self.unauthorised = gauge(
            "liveintent_unauthorised",
            "Tokens LiveIntent refuses now, of the Audiences API and of the Conversions API; 0 when all is well.",
        )
        self.uploads_unconfirmed = gauge(
            "uploads_unconfirmed",
            "Uploads held back until Kafka confirms that the records in them are still ours.",
        )
        self.audiences_created = counter(
            "audiences_created_total", "Audiences created at LiveIntent."
        )
        self.audience_conflicts = gauge(
            "audience_name_conflicts", "Audience names that several Active audiences share."
        )
