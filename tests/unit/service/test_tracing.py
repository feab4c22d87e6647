"""Tracing, as the settings have it: nothing at all unless it is on."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from consumer.errors import SettingsError
from consumer.service.tracing import tracing_of
from consumer.settings import load_settings
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.tracing import NO_SPAN, NO_TRACING, span_here
from tests.unit.settings_builders import COMPLETE
from tests.unit.telemetry.otel_logs import quiet_loggers_as_they_were

STARTED_AND_STOPPED = """
import asyncio, os, sys
from consumer.cli.app import app
from consumer.service import Service
from consumer.settings import load_settings

async def once():
    stop = asyncio.Event()
    stop.set()
    await Service(load_settings(os.environ)).run(stop)

asyncio.run(once())
print([name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "requests", "google")])
"""
OUT_OF_REACH = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "LIVEINTENT_URL": "http://127.0.0.1:1",
    "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
    "HTTP_HOST": "127.0.0.1",
    "HTTP_PORT": "0",
}


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    with quiet_loggers_as_they_were():
        yield


def test_a_service_without_tracing_imports_nothing_of_opentelemetry() -> None:
    environ = {**COMPLETE, **OUT_OF_REACH, "PYTHONPATH": ":".join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-c", STARTED_AND_STOPPED],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "[]"), ended.stderr


async def test_off_it_is_nothing_to_wait_for() -> None:
    async with AsyncExitStack() as stack:
        metrics = Metrics(CollectorRegistry())
        tracing = await tracing_of(load_settings(COMPLETE), stack, metrics, random=lambda: 0.0)

    assert tracing is NO_TRACING
    assert tracing.on is False
    with tracing.flush("vip", list) as span, span.child("file", {}) as file, file.call("PUT", {}):
        assert span_here() is span is file is NO_SPAN


async def test_a_variable_of_opentelemetry_s_that_cannot_be_used_is_a_problem_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "many")
    settings = await asyncio.to_thread(load_settings, {**COMPLETE, "TRACING": "otlp"})
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match=r"OpenTelemetry's cannot be used: .*'many'"):
            await tracing_of(settings, stack, Metrics(CollectorRegistry()), random=lambda: 0.0)
