import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import fastavro
import pytest

from consumer.cli import value_decoder as module
from consumer.cli.event_values import EventValue
from consumer.cli.explanation import Decode
from consumer.cli.value_decoder import value_decoder
from consumer.errors import CheckFailed, SettingsError
from consumer.record import Rejected, RejectReason
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.event_decoder import Decoded
from consumer.segment.schemas import fingerprint_of

SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "messageId", "type": "string"},
            {"name": "type", "type": "string"},
            {"name": "traits", "type": ["null", "string"], "default": None},
        ],
    }
)
ALIAS = SegmentEvent("m-1", EventType.ALIAS, None)


def a_body() -> bytes:
    body = io.BytesIO()
    schema = fastavro.parse_schema(json.loads(SCHEMA))
    fastavro.schemaless_writer(body, schema, {"messageId": "m-1", "type": "alias", "traits": None})
    return body.getvalue()


def only(decode: Decode, value: bytes) -> Decoded:
    (event,) = decode(EventValue("a file", value))
    return event


class Registry(BaseHTTPRequestHandler):
    status = 200
    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps({"schema": SCHEMA}).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def a_registry(status: int = 200) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    seen: list[tuple[str, str | None]] = []
    handler = type("Handler", (Registry,), {"status": status, "seen": seen})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def test_json_needs_no_settings_and_reads_none() -> None:
    decode = value_decoder({"EVENT_FORMAT": "nonsense"})

    assert only(decode, b'{"type": "alias", "messageId": "m-1"}') == ALIAS


def test_avro_is_decoded_with_the_schemas_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "event.avsc").write_text(SCHEMA)
    decode = value_decoder(
        {"EVENT_FORMAT": "avro-single-object", "SCHEMAS_DIRECTORY": str(tmp_path)}
    )

    assert only(decode, b"\xc3\x01" + fingerprint_of(SCHEMA) + a_body()) == ALIAS


def test_the_schemas_that_come_with_the_program_are_used_when_no_others_are_named() -> None:
    decode = value_decoder({"EVENT_FORMAT": "avro-single-object"})

    rejected = only(decode, b"\xc3\x01" + fingerprint_of(SCHEMA) + a_body())

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.UNKNOWN_SCHEMA


@pytest.mark.parametrize(
    ("settings", "authorization"),
    [
        ({}, None),
        ({"SCHEMA_REGISTRY_TOKEN": "t"}, "Bearer t"),
        ({"SCHEMA_REGISTRY_USERNAME": "u", "SCHEMA_REGISTRY_PASSWORD": "p"}, "Basic dTpw"),
    ],
)
def test_a_registry_is_asked_once_for_each_schema(
    settings: dict[str, str], authorization: str | None
) -> None:
    with a_registry() as (url, seen):
        decode = value_decoder({"SCHEMA_REGISTRY_URL": url, **settings})

        decoded = [only(decode, b"\0\0\0\0\7" + a_body()) for _ in range(2)]

    assert decoded == [ALIAS, ALIAS]
    assert seen == [("/schemas/ids/7", authorization)]


def test_a_registry_that_does_not_answer_is_named_and_ends_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SCHEMA_SECONDS", 0.2)

    with a_registry(status=503) as (url, _):
        decode = value_decoder({"SCHEMA_REGISTRY_URL": url})
        with pytest.raises(CheckFailed, match=r"schema 7.*503"):
            only(decode, b"\0\0\0\0\7" + a_body())


def test_avro_without_the_settings_for_it_says_which_are_missing() -> None:
    decode = value_decoder({})

    with pytest.raises(SettingsError, match="SCHEMA_REGISTRY_URL"):
        only(decode, b"\0\0\0\0\7")


def test_avro_where_json_is_configured_is_rejected_as_the_service_would() -> None:
    rejected = only(value_decoder({"EVENT_FORMAT": "json"}), b"\0\0\0\0\7")

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.UNDECODABLE
