"""The detail board on delivery: lanes, their uploads, and the calls they make."""

from helm.dashboards.expressions import by_label, graph, quantile, rate, total
from helm.dashboards.grafana import Kind, Panel, Query, Row, Unit

LANES = Row(
    "Lanes and uploads",
    (
        graph(
            "Lanes",
            "Audiences with a flush under way, audiences that wait for theirs, and audiences LiveIntent refuses.",
            Unit.NUMBER,
            Query(total("lanes_busy"), "busy"),
            Query(total("lanes_waiting"), "waiting"),
            Query(total("lanes_refused"), "refused"),
        ),
        by_label(
            "Longest wait",
            "How long the longest waiting audience has waited for its flush to start, by replica. Far above FLUSH_SECONDS, "
            "LiveIntent takes fewer calls than there are audiences to send.",
            Unit.SECONDS,
            total("oldest_waiting_seconds", "instance", aggregation="max"),
            "instance",
        ),
        by_label(
            "Oldest flush",
            "Age of the oldest flush under way, by replica; 0 when there is none.",
            Unit.SECONDS,
            total("oldest_flush_age_seconds", "instance", aggregation="max"),
            "instance",
        ),
        by_label(
            "Changes finished",
            "Membership changes by outcome. A record may hold several.",
            Unit.PER_SECOND,
            rate("changes_finished_total", "outcome"),
            "outcome",
        ),
        by_label(
            "Uploads",
            "By action, identifier type and result.",
            Unit.PER_SECOND,
            rate("uploads_total", "action", "identifier_type", "result"),
            "action",
            "identifier_type",
            "result",
        ),
        by_label(
            "Rows stored",
            "Rows in files stored at LiveIntent, by action and identifier type.",
            Unit.PER_SECOND,
            rate("upload_rows_total", "action", "identifier_type"),
            "action",
            "identifier_type",
        ),
        graph(
            "Rows LiveIntent did not count",
            "Rows it called invalid or duplicate, and rows its counts do not speak of. It does not say which.",
            Unit.PER_SECOND,
            Query(
                rate("upload_invalid_rows_total", "identifier_type"), "invalid: {{identifier_type}}"
            ),
            Query(
                rate("upload_duplicate_rows_total", "identifier_type"),
                "duplicate: {{identifier_type}}",
            ),
            Query(
                rate("upload_missing_rows_total", "identifier_type"), "missing: {{identifier_type}}"
            ),
        ),
        graph(
            "Uploads that wait",
            "Past a deadline of LiveIntent's, or for Kafka to confirm that their records are still ours.",
            Unit.NUMBER,
            Query(total("uploads_overdue", "deadline"), "not {{deadline}} in time"),
            Query(total("uploads_unconfirmed"), "not confirmed"),
        ),
        graph(
            "Audiences",
            "Created by us, and names that several active audiences share.",
            Unit.NUMBER,
            Query(f"{rate('audiences_created_total')} * 3600", "created per hour"),
            Query(total("audience_name_conflicts", aggregation="max"), "shared names"),
        ),
        graph(
            "Members remembered",
            "Members whose last change is known, and how many are forgotten per second for lack of room.",
            Unit.NUMBER,
            Query(total("latest_state_members"), "remembered"),
            Query(rate("latest_state_evictions_total"), "forgotten per second"),
        ),
    ),
)

LIVEINTENT = Row(
    "Calls to LiveIntent",
    (
        by_label(
            "Requests by operation and status",
            "Every HTTP exchange with LiveIntent.",
            Unit.PER_SECOND,
            rate("liveintent_requests_total", "operation", "status_class"),
            "operation",
            "status_class",
        ),
        by_label(
            "Retries by cause",
            "Requests put off to be sent again.",
            Unit.PER_SECOND,
            rate("liveintent_retries_total", "operation", "cause"),
            "operation",
            "cause",
        ),
        by_label(
            "Slowest requests",
            "What one request in a hundred exceeds, by operation.",
            Unit.SECONDS,
            quantile(0.99, "liveintent_request_duration_seconds", "operation"),
            "operation",
        ),
        Panel(
            Kind.HEATMAP,
            "Time of a request",
            "How many requests took how long.",
            Unit.SECONDS,
            (Query(rate("liveintent_request_duration_seconds_bucket", "le"), "{{le}}"),),
            width=12,
        ),
        graph(
            "Held back",
            "1 while calls to a host are held back after failures, or while the API key is refused.",
            Unit.NUMBER,
            Query(total("circuit_open", "host", aggregation="max"), "{{host}}"),
            Query(total("liveintent_unauthorised", aggregation="max"), "API key"),
            width=12,
        ),
    ),
)
