"""The board for the second question: partitions, lanes and uploads, LiveIntent, decoding, dead letters, resources."""

from helm.dashboards.grafana import Dashboard
from helm.dashboards.kafka_rows import GROUP, PARTITIONS
from helm.dashboards.liveintent_rows import LANES, LIVEINTENT
from helm.dashboards.people_rows import DIRECT_CALLS, WITHDRAWALS
from helm.dashboards.process_rows import DEAD_LETTERS, DECODING, RESOURCES


def detail() -> Dashboard:
    """Build it."""
    return Dashboard(
        uid="segment-liveintent-detail",
        title="segment-liveintent: detail",
        description="Partitions, lanes and uploads, calls to LiveIntent, decoding, dead letters, resources.",
        rows=(
            PARTITIONS,
            GROUP,
            LANES,
            LIVEINTENT,
            WITHDRAWALS,
            DIRECT_CALLS,
            DECODING,
            DEAD_LETTERS,
            RESOURCES,
        ),
    )
