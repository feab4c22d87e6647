"""LiveIntent's stand-in in a process of its own, with many audiences, and what it has seen when asked."""

import asyncio
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast

from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions, UploadView

_START_SECONDS = 30.0
_LONG_AGO = 1_700_000_000.0


class FarLiveIntent:
    """The stand-in's other end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url = cast("str", self._received())

    def uploads(self) -> list[UploadView]:
        """Every upload so far, in the order they were stored."""
        self._connection.send("uploads")
        return cast("list[UploadView]", self._received())

    def _received(self) -> object:
        if not self._connection.poll(_START_SECONDS):
            raise RuntimeError("LiveIntent's stand-in does not answer")
        return self._connection.recv()


@contextmanager
def far_liveintent(options: SandboxOptions, audiences: Sequence[str]) -> Iterator[FarLiveIntent]:
    """Start one that has had these audiences for years; it is gone when the block ends."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, options, audiences), daemon=True)
    process.start()
    try:
        yield FarLiveIntent(ours)
    finally:
        process.kill()
        process.join()


def _serve(connection: Connection, options: SandboxOptions, audiences: Sequence[str]) -> None:
    asyncio.run(_serving(connection, options, audiences))


async def _serving(
    connection: Connection, options: SandboxOptions, audiences: Sequence[str]
) -> None:
    sandbox = LiveIntentSandbox(options)
    for name in audiences:
        sandbox.add_audience(name, created_at=_LONG_AGO)
    async with sandbox as url:
        connection.send(url)
        while True:
            await asyncio.to_thread(connection.recv)
            connection.send(sandbox.uploads())
