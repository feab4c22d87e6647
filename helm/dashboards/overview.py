"""The board to open first: is it healthy, how late is it, what goes through, and what fails and why."""

from helm.dashboards.expressions import by_label, graph, quantiles, rate, series, total
from helm.dashboards.grafana import Dashboard, Kind, Panel, Query, Row, Unit, Words

_LAG, _AGE = (
    total("consumer_lag_seconds", aggregation="max"),
    total("commit_age_seconds", aggregation="max"),
)
_LATENESS = f"({_LAG} >= {_AGE}) or {_AGE} or {_LAG}"
_ASSIGNED = total("assigned_partitions")
_PARTITIONS = f"sum (max by (job, topic) ({series('topic_partitions')}))"


def overview() -> Dashboard:
    """Build it."""
    return Dashboard(
        uid="segment-liveintent-overview",
        title="segment-liveintent: overview",
        description="Is it healthy, how late is it, what goes through, and what fails and why.",
        rows=(_HEALTH, _LATE, _FLOW, _FAILURES),
    )


def _stat(
    title: str,
    description: str,
    expression: str,
    unit: Unit = Unit.NUMBER,
    *,
    bad_from: float | None = 1,
    words: Words | None = None,
) -> Panel:
    return Panel(
        Kind.STAT, title, description, unit, (Query(expression),),
        width=3, height=4, bad_from=bad_from, words=words,
    )  # fmt: skip


_HEALTH = Row(
    "Is it healthy?",
    (
        _stat(
            "Replicas not ready",
            "Replicas that answer and are not ready: no partitions yet, a refused token, or stopping. /readyz says why.",
            f"count({series('ready')}) - sum({series('ready')})",
        ),
        _stat(
            "How late",
            "Age of the oldest work that is not finished: of a record, or of an offset that stands still with something left to do.",
            _LATENESS,
            Unit.SECONDS,
            bad_from=3600,
        ),
        _stat(
            "Stalled partitions",
            "Partitions whose committed offset has not moved for STALLED_AFTER_SECONDS though something is left to do.",
            total("partition_stalled"),
        ),
        _stat(
            "Partitions without a reader",
            "Partitions of the topics that no replica owns.",
            f"{_PARTITIONS} - {_ASSIGNED}",
        ),
        _stat(
            "API key",
            "Whether LiveIntent takes our API key. While it does not, nothing is read and nothing is lost.",
            total("liveintent_unauthorised", aggregation="max"),
            words=Words("accepted", "refused"),
        ),
        _stat(
            "Calls to LiveIntent",
            "Whether calls to one of LiveIntent's hosts are held back after failures.",
            total("circuit_open", aggregation="max"),
            words=Words("going out", "held back"),
        ),
        _stat(
            "Refused audiences",
            "Audiences LiveIntent refuses; their records go to the dead-letter topic.",
            total("lanes_refused"),
        ),
        _stat(
            "Overdue uploads",
            "Uploads LiveIntent should have listed or finished by now; still waited for.",
            f"{total('uploads_overdue')} or vector(0)",
        ),
    ),
)

_LATE = Row(
    "How late is it?",
    (
        graph(
            "Oldest unfinished work",
            "By topic: the age of the oldest record that is read and not finished, and how long a committed offset has stood still with something left.",
            Unit.SECONDS,
            Query(total("consumer_lag_seconds", "topic", aggregation="max"), "{{topic}}: record"),
            Query(total("commit_age_seconds", "topic", aggregation="max"), "{{topic}}: offset"),
        ),
        graph(
            "Records behind",
            "By topic: not committed yet, and of these not even read. The difference is on its way.",
            Unit.NUMBER,
            Query(total("consumer_lag_records", "topic"), "{{topic}}: not committed"),
            Query(total("unread_records", "topic"), "{{topic}}: not read"),
        ),
        graph(
            "Time to work off the backlog",
            "At the pace of the last ten minutes. While the backlog does not shrink, a very large number.",
            Unit.SECONDS,
            Query(
                f"{total('consumer_lag_records')} / clamp_min(-sum(deriv({series('consumer_lag_records')}[10m])), 0.001)",
                "to go",
            ),
        ),
        graph(
            "Age of a change when it is stored",
            "Of the oldest change in each file, from being read to the file being stored at LiveIntent. LiveIntent's own processing comes on top.",
            Unit.SECONDS,
            *quantiles("change_stored_age_seconds"),
            width=12,
        ),
        graph(
            "Time of an upload",
            "From asking for a signed URL to LiveIntent's Finished.",
            Unit.SECONDS,
            *quantiles("upload_duration_seconds"),
            width=12,
        ),
    ),
)

_FLOW = Row(
    "What goes through?",
    (
        graph(
            "Records by outcome",
            "Records read, and how they ended. Released ones were given up in a rebalance and are read again.",
            Unit.PER_SECOND,
            Query(rate("records_consumed_total"), "consumed"),
            Query(rate("records_delivered_total"), "delivered"),
            Query(f"sum({rate('records_ignored_total', 'reason')})", "ignored"),
            Query(f"sum({rate('records_dead_lettered_total', 'reason')})", "dead-lettered"),
            Query(rate("records_released_total"), "released"),
            width=6,
        ),
        by_label(
            "Records ignored, by reason",
            "Records that asked for nothing. The README explains the reasons.",
            Unit.PER_SECOND,
            f"{rate('records_ignored_total', 'reason')} > 0",
            "reason",
            width=6,
        ),
        graph(
            "On their way",
            "Records read and not finished; changes that wait for their audience's next flush; changes in a flush.",
            Unit.NUMBER,
            Query(total("records_pending"), "records pending"),
            Query(total("waiting_changes"), "changes waiting"),
            Query(total("in_flight_changes"), "changes in flight"),
            width=6,
        ),
        graph(
            "Replay",
            "Records left until the group is where it was before its offsets were set back, and the replays under way. Alerts on lag are silent meanwhile.",
            Unit.NUMBER,
            Query(total("replay_records_left"), "records left"),
            Query(total("replay_active", aggregation="max"), "under way"),
            Query(total("replay_info", "replay_id", aggregation="max"), "{{replay_id}}"),
            width=6,
        ),
    ),
)

_FAILURES = Row(
    "What fails, and why?",
    (
        Panel(
            Kind.STATES,
            "What holds everything back",
            "Why no record is taken: a refused token, an open circuit, full memory.",
            Unit.NUMBER,
            (Query(total("intake_blocked", "reason", aggregation="max"), "{{reason}}"),),
            bad_from=1,
            words=Words("no", "yes"),
        ),
        by_label(
            "Dead letters, by reason",
            "Records put on the dead-letter topic: `segment-liveintent dead-letters list` shows them.",
            Unit.PER_SECOND,
            rate("records_dead_lettered_total", "reason"),
            "reason",
        ),
        by_label(
            "Failed requests to LiveIntent",
            "By operation and class of the answer.",
            Unit.PER_SECOND,
            rate(
                "liveintent_requests_total",
                "operation",
                "status_class",
                only=('status_class!="2xx"',),
            ),
            "operation",
            "status_class",
        ),
        by_label(
            "Uploads that failed",
            "Uploads LiveIntent ended with an error, or refused, by action.",
            Unit.PER_SECOND,
            rate("uploads_total", "action", "result", only=('result!="finished"',)),
            "action",
            "result",
        ),
        by_label(
            "Errors of Kafka",
            "What the Kafka client reported, by librdkafka's name.",
            Unit.PER_SECOND,
            rate("kafka_errors_total", "code"),
            "code",
        ),
        graph(
            "Writes to Kafka that failed",
            "Commits of offsets, and dead letters. Both are tried again, and hold the offsets back meanwhile.",
            Unit.PER_SECOND,
            Query(rate("offset_commits_total", only=('result="failed"',)), "commits"),
            Query(rate("dead_letter_writes_total", only=('result="failed"',)), "dead letters"),
        ),
    ),
)
