"""The log: JSON lines for machines or lines for people, one stream, ours and the libraries' alike."""

import json
import logging
from typing import TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from consumer.settings import LogFormat, LogLevel
from consumer.telemetry.redaction import redact

# They log each request or connection at INFO; ours say what happened once per unit of work.
_TALKATIVE_LOGGERS = ("aiohttp.access", "asyncio")
_FIRST_KEYS = ("ts", "level", "logger", "event")


def configure_logs(level: LogLevel, log_format: LogFormat, *, stream: TextIO) -> None:
    """Send every log line of the process to the stream, from `level` up; a later call replaces an earlier one.

    JSON lines begin with ts (ISO 8601, UTC), level, logger and event. `auto` writes for people when the stream is a
    terminal. Lines are written at once, on the caller's thread. Exceptions are written without local variables.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        # Below the level a call costs next to nothing: DEBUG lines stand in the path of every record.
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    for_people = log_format is LogFormat.CONSOLE or (
        log_format is LogFormat.AUTO and stream.isatty()
    )
    _install(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                *(_for_people(stream) if for_people else _for_machines()),
            ],
        ),
        level,
        stream,
    )


class _OurHandler(logging.StreamHandler[TextIO]):
    """Marks the handler that a later call replaces; a test runner's own stay."""


def _install(formatter: logging.Formatter, level: LogLevel, stream: TextIO) -> None:
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _OurHandler)]:
        root.removeHandler(handler)
    handler = _OurHandler(stream)
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(_number(level))
    for name in _TALKATIVE_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, _number(level)))


def _number(level: LogLevel) -> int:
    return logging.getLevelNamesMapping()[level]


def _for_people(stream: TextIO) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            timestamp_key="ts",
            # The exception is text by now; and the default would show local variables.
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]


def _for_machines() -> list[Processor]:
    return [_in_order, structlog.processors.JSONRenderer(serializer=_json)]


def _in_order(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    first = {key: event_dict.pop(key) for key in _FIRST_KEYS if key in event_dict}
    return {**first, **event_dict}


def _json(line: EventDict, **_: object) -> str:
    try:
        return orjson.dumps(line).decode()
    except (
        TypeError
    ):  # a number over 64 bits, or half of a surrogate pair: slower is better than lost
        return json.dumps(line)
