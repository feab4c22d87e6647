"""The detail board on Kafka: partitions, and the group they are divided up in."""

from helm.dashboards.expressions import age, by_label, graph, quantiles, rate, series, total
from helm.dashboards.grafana import Panel, Query, Row, Unit


def _per_partition(title: str, description: str, unit: Unit, name: str) -> Panel:
    return by_label(
        title,
        description,
        unit,
        f"topk(10, {total(name, 'topic', 'partition', aggregation='max')})",
        "topic",
        "partition",
    )


PARTITIONS = Row(
    "Partitions",
    (
        _per_partition(
            "Oldest unfinished record",
            "The ten worst partitions, by the age of their oldest record that is read and not finished.",
            Unit.SECONDS,
            "consumer_lag_seconds",
        ),
        _per_partition(
            "Records behind",
            "The ten worst partitions: log end less committed offset.",
            Unit.NUMBER,
            "consumer_lag_records",
        ),
        _per_partition(
            "Offset stands still",
            "The ten worst partitions: how long the committed offset has not moved though something is left.",
            Unit.SECONDS,
            "commit_age_seconds",
        ),
        _per_partition(
            "Records not read",
            "The ten worst partitions: log end less the next record to read.",
            Unit.NUMBER,
            "unread_records",
        ),
        _per_partition(
            "Behind an open transaction",
            "Records that cannot be read before a producer ends its transaction; lag does not show them.",
            Unit.NUMBER,
            "unstable_records",
        ),
        by_label(
            "Room before retention",
            "The ten nearest: committed offset less the log's first. At 0 retention deletes what is not delivered. Empty while nothing is behind.",
            Unit.NUMBER,
            f"bottomk(10, {total('retention_headroom_records', 'topic', 'partition', aggregation='min')})",
            "topic",
            "partition",
        ),
        _per_partition(
            "Stalled",
            "1 for each partition that has stood still for STALLED_AFTER_SECONDS.",
            Unit.NUMBER,
            "partition_stalled",
        ),
        by_label(
            "Since the last progress",
            "The ten longest, by partition. Grows only while something is left to do.",
            Unit.SECONDS,
            f"topk(10, time() - max by (topic, partition) ({series('partition_last_progress_timestamp_seconds')}))",
            "topic",
            "partition",
        ),
        graph(
            "Reading is paused",
            "Partitions paused at this moment, and how often they were, by reason.",
            Unit.NUMBER,
            Query(total("partitions_paused"), "paused"),
            Query(rate("pauses_total", "reason"), "pauses per second: {{reason}}"),
        ),
    ),
)

GROUP = Row(
    "Consumer group",
    (
        graph(
            "Partitions owned",
            "By replica, and what the topics have.",
            Unit.NUMBER,
            Query(total("assigned_partitions", "instance"), "{{instance}}"),
            Query(total("topic_partitions", "topic", aggregation="max"), "{{topic}} has"),
        ),
        by_label(
            "Rebalances",
            "Callbacks by kind. Lost ones came too late to commit.",
            Unit.PER_SECOND,
            rate("rebalances_total", "kind"),
            "kind",
        ),
        by_label(
            "Commits",
            "Commits of offsets by result.",
            Unit.PER_SECOND,
            rate("offset_commits_total", "result"),
            "result",
        ),
        graph(
            "Time of a commit",
            "From asking for a commit to Kafka's answer.",
            Unit.SECONDS,
            *quantiles("offset_commit_duration_seconds"),
        ),
        graph(
            "Since Kafka last answered",
            "A commit or offsets found up to date; everything asked about topics and offsets; a turn of the poll loop.",
            Unit.SECONDS,
            Query(age("last_commit_timestamp_seconds"), "{{instance}}: commit"),
            Query(age("kafka_answered_timestamp_seconds"), "{{instance}}: answer"),
            Query(age("last_poll_timestamp_seconds"), "{{instance}}: poll"),
        ),
        graph(
            "Order",
            "Records without a key, members whose changes came from several partitions, and offsets that were set back.",
            Unit.PER_SECOND,
            Query(rate("records_without_key_total"), "records without a key"),
            Query(rate("members_on_several_partitions_total"), "members on several partitions"),
            Query(rate("offset_rewinds_total"), "offsets set back"),
        ),
    ),
)
