"""The endpoints for Kubernetes, Prometheus and people: live, ready, metrics, status."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from consumer.telemetry.causes import ADVICE
from consumer.telemetry.status import LANES_SHOWN, Status, StatusSource, Verdict
from consumer.telemetry.status_page import CONTENT_SECURITY_POLICY, status_page
from consumer.telemetry.why_behind import why_behind

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Server": "segment-liveintent",
    "X-Content-Type-Options": "nosniff",
}

_DIGITS_MAX = 9


@asynccontextmanager
async def serve_health(
    source: StatusSource, registry: CollectorRegistry, *, host: str, port: int
) -> AsyncIterator[int]:
    """Answer on host and port while the block runs; gives the port, which port 0 leaves to the system.

    Answers come from the event loop, so a stuck loop fails the liveness probe by itself. Raises OSError when the
    port is taken.
    """
    runner = web.AppRunner(health_app(source, registry), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def health_app(source: StatusSource, registry: CollectorRegistry) -> web.Application:
    """The web application behind `serve_health`."""

    async def metrics(request: web.Request) -> web.Response:
        # Here and not on a thread: collectors read the ledger, which lives on the event loop.
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    async def live(_request: web.Request) -> web.Response:
        return _verdict(source.live())

    async def ready(_request: web.Request) -> web.Response:
        return _verdict(source.ready())

    async def status(request: web.Request) -> web.Response:
        asked = request.query.get("lanes", str(LANES_SHOWN))
        if not (asked.isascii() and asked.isdecimal() and len(asked) <= _DIGITS_MAX):
            raise web.HTTPBadRequest(text="lanes is how many audiences to list, such as 1000.\n")
        return _json(_status_fields(source.status(lanes_max=int(asked))))

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=status_page(source.status()), content_type="text/html")

    app = web.Application()
    routes: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
        "/": page,
        "/livez": live,
        "/metrics": metrics,
        "/readyz": ready,
        "/status": status,
    }
    for path, handler in routes.items():
        app.router.add_get(path, handler)
    app.on_response_prepare.append(_harden)
    return app


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _verdict(verdict: Verdict) -> web.Response:
    return _json(verdict, status=200 if verdict.ok else 503)


def _status_fields(status: Status) -> dict[str, object]:
    """The status with the answer to the first question before everything else."""
    answer = why_behind(status)
    advice = ADVICE[answer.cause]
    everything = {field.name: getattr(status, field.name) for field in fields(status)}
    return {
        "why_behind": answer.sentence,
        "mood": answer.mood,
        "cause": answer.cause,
        "to_do": advice.to_do,
        "runbook": advice.runbook,
        **everything,
    }


def _json(value: object, *, status: int = 200) -> web.Response:
    # The books' mappings need not be plain dicts with plain keys.
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    body = orjson.dumps(value, default=dict, option=options)
    return web.Response(body=body, content_type="application/json", status=status)
