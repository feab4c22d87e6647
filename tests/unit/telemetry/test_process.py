from prometheus_client import CollectorRegistry

from consumer.telemetry.process import register_process_metrics


def test_the_metrics_tell_what_the_process_uses_of_its_machine() -> None:
    registry = CollectorRegistry()
    register_process_metrics(registry)

    assert registry.get_sample_value("python_gc_collections_total", {"generation": "0"}) is not None
    resident_bytes = registry.get_sample_value("process_resident_memory_bytes")
    # There is no /proc to read it from on macOS.
    assert resident_bytes is None or resident_bytes > 1_000_000
