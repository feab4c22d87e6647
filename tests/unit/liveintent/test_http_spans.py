"""HTTP calls as spans."""

import re

import pytest
from yarl import URL

from consumer.liveintent.http_spans import http_span, note_reply
from consumer.liveintent.upload_outcome import Answer, Host, Operation, TransportFailure
from consumer.telemetry.tracing import NO_SPAN, SPAN_HERE
from tests.unit.liveintent.noted_span import NotedSpan

SIGNED = URL("https://bucket.example:8443/liveintent/900001/abc?signature=hunter2", encoded=True)
BY_CLIENT = [each for each in Operation if each.host in {Host.API, Host.STORAGE}]


@pytest.mark.parametrize("operation", BY_CLIENT)
def test_every_operation_has_a_name_that_does_not_depend_on_the_audience(
    operation: Operation,
) -> None:
    noted = NotedSpan()
    before = SPAN_HERE.set(noted)
    with http_span(operation, SIGNED):
        pass
    SPAN_HERE.reset(before)

    (name,) = noted.calls
    assert re.fullmatch(r"(GET|POST|PATCH|PUT) [a-z0-9/{}-]+", name)


def test_of_a_signed_url_only_host_and_port_are_shown() -> None:
    noted = NotedSpan()
    before = SPAN_HERE.set(noted)
    with http_span(Operation.STORE, SIGNED):
        pass
    SPAN_HERE.reset(before)

    assert noted.calls == {
        "PUT {signed-url}": {
            "http.request.method": "PUT",
            "url.template": "{signed-url}",
            "server.address": "bucket.example",
            "server.port": 8443,
            "liveintent.operation": "put_file",
        }
    }


@pytest.mark.parametrize(
    ("reply", "status", "error"),
    [
        (Answer(201, b""), 201, None),
        (Answer(302, b""), 302, None),
        (Answer(403, b"ana@example.com"), 403, "403"),
        (TransportFailure.TIMEOUT, None, "timeout"),
    ],
)
def test_a_reply_is_told_by_its_status(
    reply: Answer | TransportFailure, status: int | None, error: str | None
) -> None:
    noted = NotedSpan()

    note_reply(noted, reply)

    assert noted.noted.get("http.response.status_code") == status
    assert noted.error_type == error


def test_a_call_made_for_nothing_that_is_traced_has_no_span() -> None:
    with http_span(Operation.MINT, SIGNED) as span:
        assert span is NO_SPAN
