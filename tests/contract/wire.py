"""A relay between a client and a server on this machine, which keeps what goes over the wire both ways."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.contract.openapi import Exchange

_OF_THE_CONNECTION = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


@asynccontextmanager
async def recorded(target: str) -> AsyncIterator[tuple[str, list[Exchange]]]:
    """Give the URL of a relay to `target`, and the list in which every exchange through it ends up.

    The server sees the relay's own address as its host, so the URLs it hands out lead through the relay as well. A
    request whose connection the server drops is dropped here too, and not kept.
    """
    exchanges: list[Exchange] = []
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            try:
                reply = await session.request(
                    request.method,
                    URL(f"{target}{request.raw_path}", encoded=True),
                    headers=_end_to_end(request.headers),
                    data=body if request.body_exists else None,
                    skip_auto_headers={"Accept", "Accept-Encoding", "Content-Type", "User-Agent"},
                    allow_redirects=False,
                )
                answer = await reply.read()
            except aiohttp.ClientError:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()  # goes nowhere
            exchanges.append(
                Exchange(
                    verb=request.method,
                    target=request.raw_path,
                    headers=[(name.lower(), value) for name, value in request.headers.items()],
                    body=body,
                    status=reply.status,
                    answer_headers={name.lower(): value for name, value in reply.headers.items()},
                    answer_body=answer,
                )
            )
            return web.Response(
                status=reply.status, body=answer, headers=_end_to_end(reply.headers)
            )

        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{anything:.*}", pass_on)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", exchanges
        finally:
            await runner.cleanup()


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION
    )
