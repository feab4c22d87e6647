import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from consumer.settings import LogFormat, LogLevel
from consumer.telemetry.logs import configure_logs
from consumer.telemetry.redaction import MASK


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    root, talkative = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, levels = list(root.handlers), (root.level, talkative.level)
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    talkative.setLevel(levels[1])


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_logger_and_event_first() -> None:
    stream = io.StringIO()
    configure_logs(LogLevel.INFO, LogFormat.JSON, stream=stream)

    structlog.get_logger("consumer.part").warning(
        "Upload postponed.", audience="vip", wait_seconds=8
    )

    (line,) = lines(stream)
    assert list(line) == ["ts", "level", "logger", "event", "audience", "wait_seconds"]
    assert line["level"] == "warning"
    assert line["logger"] == "consumer.part"
    assert line["event"] == "Upload postponed."
    assert str(line["ts"]).endswith("Z")


def test_the_libraries_lines_go_the_same_way() -> None:
    stream = io.StringIO()
    configure_logs(LogLevel.INFO, LogFormat.JSON, stream=stream)

    logging.getLogger("aiohttp.client").warning("Unclosed %s", "session")
    logging.getLogger("aiohttp.access").info("GET /livez")

    (line,) = lines(stream)
    assert (line["logger"], line["level"], line["event"]) == (
        "aiohttp.client",
        "warning",
        "Unclosed session",
    )


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
def test_persons_and_secrets_are_masked_in_fields_and_exceptions(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure_logs(LogLevel.INFO, log_format, stream=stream)

    def take(row: str) -> None:
        kept_in_a_local_variable = row.upper()
        raise ValueError("cannot take " + row, len(kept_in_a_local_variable))

    try:
        take("jane@example.com")
    except ValueError:
        structlog.get_logger().exception("Failed.", who="jane@example.com", api_key="k3y")
        logging.getLogger("lib").exception("Failed for %s", "jane@example.com")

    text = stream.getvalue()
    assert "jane" not in text
    assert "k3y" not in text
    assert "JANE" not in text
    assert text.count(f"cannot take {MASK}") == 2


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    configure_logs(LogLevel.WARNING, LogFormat.JSON, stream=stream)

    structlog.get_logger().info("Not this.")
    logging.getLogger("lib").info("Nor this.")

    assert stream.getvalue() == ""


def test_debug_writes_everything_but_the_talkative() -> None:
    stream = io.StringIO()
    configure_logs(LogLevel.DEBUG, LogFormat.JSON, stream=stream)

    structlog.get_logger().debug("This.")
    logging.getLogger("aiohttp.access").info("GET /livez")

    assert [line["event"] for line in lines(stream)] == ["This."]


def test_auto_is_for_people_on_a_terminal_and_json_elsewhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()

    configure_logs(LogLevel.INFO, LogFormat.AUTO, stream=terminal)
    structlog.get_logger().info("Ready.", audiences=3)
    configure_logs(LogLevel.INFO, LogFormat.AUTO, stream=pipe)
    structlog.get_logger().info("Ready.", audiences=3)

    assert not terminal.getvalue().startswith("{")
    assert "Ready." in terminal.getvalue()
    assert lines(pipe)[0]["audiences"] == 3


def test_configuring_again_replaces_the_stream_and_leaves_others_handlers() -> None:
    first, second = io.StringIO(), io.StringIO()
    theirs = logging.NullHandler()
    logging.getLogger().addHandler(theirs)

    configure_logs(LogLevel.INFO, LogFormat.JSON, stream=first)
    log = structlog.get_logger()
    configure_logs(LogLevel.INFO, LogFormat.JSON, stream=second)
    log.info("Once.")

    assert first.getvalue() == ""
    assert len(lines(second)) == 1
    assert theirs in logging.getLogger().handlers


def test_a_value_json_cannot_take_does_not_lose_the_line() -> None:
    stream = io.StringIO()
    configure_logs(LogLevel.INFO, LogFormat.JSON, stream=stream)

    structlog.get_logger().info("Odd.", big=2**80, half="\ud800")

    assert lines(stream)[0]["big"] == 2**80
