"""The detail board on people: those who leave every audience, and direct calls of what they do."""

from helm.dashboards.expressions import by_label, graph, quantile, rate, total
from helm.dashboards.grafana import Query, Row, Unit

WITHDRAWALS = Row(
    "Deletions and withdrawn consent",
    (
        by_label(
            "People who leave every audience",
            "Deletions and withdrawn consent by outcome. Unusable ones show nothing to find the person by.",
            Unit.PER_SECOND,
            rate("withdrawals_total", "cause", "outcome"),
            "cause",
            "outcome",
        ),
        by_label(
            "Privacy requests",
            "Requests to LiveIntent's Privacy API by result; none while PRIVACY_REQUESTS is unset.",
            Unit.PER_SECOND,
            rate("privacy_requests_total", "action", "result"),
            "action",
            "result",
        ),
        graph(
            "Privacy requests that wait",
            "Not accepted yet; and 1 while the Privacy API takes none, by cause.",
            Unit.NUMBER,
            Query(total("privacy_requests_waiting"), "waiting"),
            Query(total("privacy_requests_held", "cause", aggregation="max"), "held: {{cause}}"),
        ),
    ),
)

DIRECT_CALLS = Row(
    "Direct calls",
    (
        by_label(
            "Direct calls by outcome",
            "Page, screen, track and identify calls by sink and outcome; none while DIRECT_CALLS is unset.",
            Unit.PER_SECOND,
            rate("direct_calls_total", "sink", "outcome"),
            "sink",
            "outcome",
        ),
        graph(
            "Direct calls under way",
            "Waiting for their turn, and in a request.",
            Unit.NUMBER,
            Query(total("direct_calls_waiting", "sink"), "waiting: {{sink}}"),
            Query(total("direct_calls_in_flight", "sink"), "in flight: {{sink}}"),
        ),
        by_label(
            "Slowest direct calls",
            "From reading the record to the end of its call, which one in a hundred exceeds.",
            Unit.SECONDS,
            quantile(0.99, "direct_call_duration_seconds", "sink"),
            "sink",
        ),
    ),
)
