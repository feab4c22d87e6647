"""The endpoints for Kubernetes, Prometheus and people: live, ready, metrics, status."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from consumer.telemetry.status import Status, StatusSource, Verdict
from consumer.telemetry.status_page import status_page
from consumer.telemetry.why_behind import why_behind

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "segment-liveintent",
    "X-Content-Type-Options": "nosniff",
}


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

    async def status(_request: web.Request) -> web.Response:
        return _json(_status_fields(source.status()))

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
    everything = {field.name: getattr(status, field.name) for field in fields(status)}
    return {"why_behind": answer.sentence, "mood": answer.mood, **everything}


def _json(value: object, *, status: int = 200) -> web.Response:
    # The books' mappings need not be plain dicts with plain keys.
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    body = orjson.dumps(value, default=dict, option=options)
    return web.Response(body=body, content_type="application/json", status=status)
