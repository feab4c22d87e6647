"""The metrics of changes on their way: lanes, flushes, upload files."""

from consumer.telemetry.metric_makers import JOB_SECONDS, MetricMakers


class LaneMetrics(MetricMakers):
    """A part of `Metrics`."""

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
            JOB_SECONDS,
        )
        self.uploads_overdue = gauge(
            "uploads_overdue",
            "Uploads LiveIntent should have listed, or finished, by now; still waited for.",
            "deadline",
        )
        self.change_stored_seconds = histogram(
            "change_stored_age_seconds",
            "Age of the oldest change of a file when the file was stored, since it was read.",
            JOB_SECONDS,
        )
        self.latest_state_members = gauge(
            "latest_state_members", "Members whose last applied change is remembered."
        )
        self.latest_state_evictions = counter(
            "latest_state_evictions_total", "Members forgotten to stay within LATEST_STATE_MEMBERS."
        )
