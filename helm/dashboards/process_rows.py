"""The detail board on what a process does by itself: decoding, dead letters, resources."""

from helm.dashboards.expressions import by_label, graph, quantiles, rate, series, total
from helm.dashboards.grafana import Query, Row, Unit

DECODING = Row(
    "Decoding",
    (
        by_label(
            "Records that cannot be decoded",
            "By kind.",
            Unit.PER_SECOND,
            rate("decode_errors_total", "kind"),
            "kind",
        ),
        by_label(
            "Odd events",
            "Oddities of events that were still acted upon, by kind.",
            Unit.PER_SECOND,
            rate("event_notes_total", "note"),
            "note",
        ),
        graph(
            "Schemas",
            "Ready for use, asked for, and partitions that wait for one.",
            Unit.NUMBER,
            Query(total("schemas_loaded"), "ready"),
            Query(total("schemas_awaited"), "awaited"),
            Query(total("partitions_waiting_for_schema"), "partitions waiting"),
        ),
        by_label(
            "Requests to the schema registry",
            "By result.",
            Unit.PER_SECOND,
            rate("schema_registry_requests_total", "result"),
            "result",
        ),
        by_label(
            "Schemas needed",
            "By result; only what is remembered costs nothing.",
            Unit.PER_SECOND,
            rate("schema_lookups_total", "result"),
            "result",
        ),
        graph(
            "Time of a request to the schema registry",
            "Whatever came of it.",
            Unit.SECONDS,
            *quantiles("schema_registry_request_duration_seconds"),
        ),
    ),
)

DEAD_LETTERS = Row(
    "Dead letters",
    (
        by_label(
            "By reason",
            "Records put on the dead-letter topic.",
            Unit.PER_SECOND,
            rate("records_dead_lettered_total", "reason"),
            "reason",
            width=12,
        ),
        by_label(
            "Writes",
            "Writes to the dead-letter topic. A failed one is tried again.",
            Unit.PER_SECOND,
            rate("dead_letter_writes_total", "result"),
            "result",
            width=12,
        ),
    ),
)

RESOURCES = Row(
    "Resources",
    (
        graph(
            "Processor",
            "Processors used, by replica. One thread does most of the work, so 1 is full.",
            Unit.NUMBER,
            Query(
                f"sum by (instance) (rate({series('process_cpu_seconds_total')}[$__rate_interval]))",
                "{{instance}}",
            ),
        ),
        by_label(
            "Memory",
            "Resident memory, by replica. The limit is meant to be 256 MiB above MEMORY_BUDGET_MB.",
            Unit.BYTES,
            f"sum by (instance) ({series('process_resident_memory_bytes')})",
            "instance",
        ),
        graph(
            "Memory budget",
            "What unfinished records weigh, by our estimate, and what they may weigh before reading pauses.",
            Unit.BYTES,
            Query(total("memory_budget_used_bytes", "instance"), "{{instance}}"),
            Query(total("memory_budget_bytes", aggregation="min"), "budget"),
        ),
        by_label(
            "Event loop",
            "How late the event loop ran a timer, at worst, within the last minute.",
            Unit.SECONDS,
            total("event_loop_lag_seconds", "instance", aggregation="max"),
            "instance",
        ),
        graph(
            "Open files",
            "File descriptors in use, by replica, and the fewest a replica may use.",
            Unit.NUMBER,
            Query(f"sum by (instance) ({series('process_open_fds')})", "{{instance}}"),
            Query(f"min ({series('process_max_fds')})", "limit"),
        ),
        by_label(
            "Garbage collections",
            "By generation.",
            Unit.PER_SECOND,
            f"sum by (generation) (rate({series('python_gc_collections_total')}[$__rate_interval]))",
            "generation",
        ),
        by_label(
            "Running for",
            "Time since each replica started.",
            Unit.SECONDS,
            f"time() - max by (instance) ({series('process_start_time_seconds')})",
            "instance",
        ),
        by_label(
            "Versions",
            "Replicas by version; two at once are a rollout.",
            Unit.NUMBER,
            f"count by (version) ({series('build_info')})",
            "version",
        ),
        by_label(
            "Trace spans",
            "By what became of them: exported, or dropped. None while TRACING is none.",
            Unit.PER_SECOND,
            rate("trace_spans_total", "result"),
            "result",
        ),
    ),
)
