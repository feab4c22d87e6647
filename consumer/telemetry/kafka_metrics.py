"""The metrics of Kafka: the group, its offsets, how far behind it is."""

from consumer.telemetry.metric_makers import HTTP_SECONDS, MetricMakers


class KafkaMetrics(MetricMakers):
    """A part of `Metrics`."""

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
            HTTP_SECONDS,
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
