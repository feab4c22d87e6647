import asyncio
import socket

import pytest

from consumer.errors import KafkaFatal, OffsetsUnknown, SettingsError
from consumer.service import Service
from consumer.service.lifecycle import _Drained, _first
from consumer.settings import Settings, load_settings
from consumer.telemetry.books import BooksSnapshot
from tests.unit.settings_builders import COMPLETE


def settings(**changes: str) -> Settings:
    """Of a service whose brokers, registry and LiveIntent are all out of reach."""
    nobody = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "LIVEINTENT_URL": "http://127.0.0.1:1",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
    }
    return load_settings({**COMPLETE, **nobody, **changes})


async def test_a_service_that_has_not_started_has_empty_books_and_no_status() -> None:
    service = Service(settings())

    assert (service.books(), service.status(), service.http_port) == (BooksSnapshot(), None, None)


async def test_a_service_that_is_to_stop_before_it_has_started_starts_and_stops() -> None:
    stop = asyncio.Event()
    stop.set()
    service = Service(settings())

    async with asyncio.timeout(15):
        await service.run(stop)

    assert service.http_port is not None


async def test_a_port_that_is_taken_is_an_error_of_the_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"HTTP_PORT {port} on HTTP_HOST 127.0.0.1"):
            await Service(settings(HTTP_PORT=str(port))).run(asyncio.Event())


async def test_properties_librdkafka_refuses_end_the_service_before_it_has_parts() -> None:
    service = Service(settings(KAFKA_PROPERTIES='{"no.such.property": "1"}'))

    with pytest.raises(KafkaFatal, match=r"no\.such\.property"):
        await service.run(asyncio.Event())

    assert service.status() is None


def test_of_several_errors_ours_is_the_one_to_end_with_wherever_it_stands() -> None:
    ours = OffsetsUnknown("where to start?")
    group = BaseExceptionGroup(
        "", [ValueError("a bug"), ExceptionGroup("", [KeyError("another"), ours])]
    )

    assert _first(group) is ours


def test_without_one_of_ours_the_first_error_is_the_one_to_end_with() -> None:
    first = ValueError("a bug")

    assert _first(BaseExceptionGroup("", [ExceptionGroup("", [first]), KeyError("b")])) is first


def test_a_drained_service_has_ended_well() -> None:
    drained = _Drained()

    assert _first(BaseExceptionGroup("", [drained])) is drained
