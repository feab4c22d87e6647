"""What the process uses of its machine, under the names every Prometheus client gives these metrics."""

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector


def register_process_metrics(registry: CollectorRegistry) -> None:
    """Put CPU, memory, file descriptors, start time and garbage collections on the registry.

    They are read from /proc at each scrape, which takes microseconds and no disk. Where there is no /proc they are left out.
    """
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
