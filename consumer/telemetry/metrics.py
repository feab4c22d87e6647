"""Every metric once, with its help text, on a registry that is passed in.

The books (records consumed, delivered, ignored, dead-lettered, released, pending) are not here: they are read from
the offset ledger at each scrape, in one go, so that they balance. See `books`.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from consumer.telemetry.direct_call_metrics import DirectCallMetrics
from consumer.telemetry.withdrawal_metrics import WithdrawalMetrics

PREFIX = "segment_liveintent"

_HTTP_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_JOB_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 21600)


class Metrics:
    """The program's metrics, built once per process (or per test) on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._of_kafka()
        self._of_progress()
        self._of_segment()
        self._of_lanes()
        self._of_liveintent()
        self.of_withdrawals = WithdrawalMetrics(registry, namespace=PREFIX)
        self.of_direct_calls = DirectCallMetrics(registry, namespace=PREFIX)
        self._of_the_process()
        _show_from_the_start(self)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace=PREFIX, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            name, text, labels, namespace=PREFIX, registry=self.registry, buckets=buckets
        )

    def _of_kafka(self) -> None:
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.assigned_partitions = gauge("assigned_partitions", "Partitions this process owns.")
        self.rebalances = counter(
            "rebalances_total", "Rebalance callbacks, by kind: assigned, revoked, lost.", "kind"
        )
        self.offset_commits = counter(
            "offset_commits_total", "Offset commits, by result: ok, failed.", "result"
        )
        self.offset_commit_seconds = histogram(
            "offset_commit_duration_seconds",
            "Time from asking for an offset commit to its answer.",
            _HTTP_SECONDS,
        )
        self.last_commit_timestamp = gauge(
            "last_commit_timestamp_seconds",
            "When offsets were last committed, or were found up to date; Unix time.",
        )
        self.kafka_errors = counter(
            "kafka_errors_total", "Errors the Kafka client reported, by librdkafka's name.", "code"
        )
        self.last_poll_timestamp = gauge(
            "last_poll_timestamp_seconds", "When the poll loop last came round; Unix time."
        )
        self.partitions_paused = gauge("partitions_paused", "Partitions the poll loop has paused.")
        self.pauses = counter(
            "pauses_total",
            "Times the poll loop paused its partitions, by reason; each throws away what was fetched ahead.",
            "reason",
        )
        self.lag_records = gauge(
            "consumer_lag_records",
            "Log end less committed offset; includes records read and not finished.",
            "topic",
            "partition",
        )
        self.unread_records = gauge(
            "unread_records", "Log end less the next record to read.", "topic", "partition"
        )
        self.dead_letter_writes = counter(
            "dead_letter_writes_total",
            "Writes to the dead-letter topic, by result: ok, failed (and tried again).",
            "result",
        )

    def _of_progress(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.unstable_records = gauge(
            "unstable_records",
            "High watermark less last stable offset: what cannot be read before a producer ends its transaction.",
            "topic",
            "partition",
        )
        self.retention_headroom = gauge(
            "retention_headroom_records",
            "Committed offset less the log's first: near 0, retention is about to delete what is not delivered. "
            "Not a number while nothing is behind.",
            "topic",
            "partition",
        )
        self.commit_age = gauge(
            "commit_age_seconds",
            "How long the committed offset has not moved though something is left to read, finish or commit; 0 when not.",
            "topic",
            "partition",
        )
        self.partition_stalled = gauge(
            "partition_stalled",
            "1 once commit_age_seconds has reached STALLED_AFTER_SECONDS.",
            "topic",
            "partition",
        )
        self.last_progress_timestamp = gauge(
            "partition_last_progress_timestamp_seconds",
            "When the committed offset last moved, or nothing was left to do; Unix time.",
            "topic",
            "partition",
        )
        self.offset_rewinds = counter(
            "offset_rewinds_total",
            "Committed offsets Kafka gave lower than before: a replay, or a reset by hand.",
        )
        self.replay_active = gauge("replay_active", "1 while a replay delivers records again.")
        self.replay_records_left = gauge(
            "replay_records_left", "Offsets to go to where the group was before they were set back."
        )
        about = "1 for each replay under way; without a name where other tools set offsets back."
        self.replay_info = gauge("replay_info", about, "replay_id")
        self.topic_partitions = gauge(
            "topic_partitions",
            "Partitions of each topic we read; 0 when Kafka knows no such topic, or hides it from us.",
            "topic",
        )
        self.kafka_answered_timestamp = gauge(
            "kafka_answered_timestamp_seconds",
            "When Kafka last answered everything we asked about our topics and offsets; Unix time.",
        )
        self.records_without_key = counter(
            "records_without_key_total",
            "Records read without a key: nothing keeps the events of one person in one partition.",
        )
        self.members_on_several_partitions = counter(
            "members_on_several_partitions_total",
            "Members (one identifier in one audience) whose changes came from different partitions.",
        )

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
            _HTTP_SECONDS,
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

    def _of_lanes(self) -> None:
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.changes_finished = counter(
            "changes_finished_total",
            "Membership changes (record parts) by outcome; counted apart from records.",
            "outcome",
        )
        self.waiting_changes = gauge(
            "waiting_changes", "Membership changes waiting in lanes for their next flush."
        )
        self.in_flight_changes = gauge(
            "in_flight_changes", "Membership changes in a flush that is not finished."
        )
        self.lanes_busy = gauge("lanes_busy", "Audiences with a flush under way.")
        self.lanes_waiting = gauge("lanes_waiting", "Audiences whose next flush has not started.")
        self.oldest_waiting = gauge(
            "oldest_waiting_seconds",
            "How long the longest waiting audience has waited for its flush to start.",
        )
        self.lanes_refused = gauge(
            "lanes_refused", "Audiences LiveIntent refuses; their records are dead-lettered."
        )
        self.oldest_flush_age = gauge(
            "oldest_flush_age_seconds", "Age of the oldest flush under way; 0 when there is none."
        )
        self.uploads = counter(
            "uploads_total",
            "Upload files by action, identifier type and result: finished, error, refused.",
            "action",
            "identifier_type",
            "result",
        )
        self.upload_rows = counter(
            "upload_rows_total", "Rows in files stored at LiveIntent.", "action", "identifier_type"
        )
        self.upload_invalid_rows = counter(
            "upload_invalid_rows_total", "Rows LiveIntent reported as invalid.", "identifier_type"
        )
        self.upload_duplicate_rows = counter(
            "upload_duplicate_rows_total", "Rows LiveIntent took for duplicates.", "identifier_type"
        )
        self.upload_missing_rows = counter(
            "upload_missing_rows_total",
            "Rows of finished uploads that are in none of LiveIntent's counts.",
            "identifier_type",
        )
        self.upload_seconds = histogram(
            "upload_duration_seconds",
            "Time from asking for a signed URL to LiveIntent's Finished.",
            _JOB_SECONDS,
        )
        self.uploads_overdue = gauge(
            "uploads_overdue",
            "Uploads LiveIntent should have listed, or finished, by now; still waited for.",
            "deadline",
        )
        self.change_stored_seconds = histogram(
            "change_stored_age_seconds",
            "Age of the oldest change of a file when the file was stored, since it was read.",
            _JOB_SECONDS,
        )
        self.latest_state_members = gauge(
            "latest_state_members", "Members whose last applied change is remembered."
        )
        self.latest_state_evictions = counter(
            "latest_state_evictions_total", "Members forgotten to stay within LATEST_STATE_MEMBERS."
        )

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
            _HTTP_SECONDS,
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
        self.build_info = Info(
            "build", "Version of the program.", namespace=PREFIX, registry=self.registry
        )


def _show_from_the_start(metrics: Metrics) -> None:
    """Series alerts rest on begin at 0: a rate cannot see the first of a series that appears with it."""
    for result in ("ok", "failed"):
        metrics.offset_commits.labels(result)
        metrics.dead_letter_writes.labels(result)
    for kind in ("assigned", "revoked", "lost"):
        metrics.rebalances.labels(kind)
