"""The metrics of what Segment sends, and of the schemas it is read by."""

from consumer.telemetry.metric_makers import HTTP_SECONDS, MetricMakers


class SegmentMetrics(MetricMakers):
    """A part of `Metrics`."""

    def _of_segment(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.decode_errors = counter(
            "decode_errors_total", "Records that could not be decoded, by kind.", "kind"
        )
        self.event_notes = counter(
            "event_notes_total", "Oddities of events that were still acted upon, by kind.", "note"
        )
        self.schema_requests = counter(
            "schema_registry_requests_total",
            "Requests to the schema registry, by result: ok, not_found, failed.",
            "result",
        )
        self.schema_request_seconds = self._histogram(
            "schema_registry_request_duration_seconds",
            "Time of a request to the schema registry, whatever came of it.",
            HTTP_SECONDS,
        )
        self.schema_lookups = counter(
            "schema_lookups_total",
            "Schemas needed from the registry, by result: remembered, loaded, unknown, refused. Only the first is free.",
            "result",
        )
        self.schemas_awaited = gauge(
            "schemas_awaited", "Schemas that were asked for and are not there yet."
        )
        self.schemas_loaded = gauge("schemas_loaded", "Writer schemas ready for use.")
        self.partitions_waiting_for_schema = gauge(
            "partitions_waiting_for_schema",
            "Partitions whose next record waits for its schema; the others go on.",
        )
