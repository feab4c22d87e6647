"""A LiveIntent stand-in that listens, and a caller of it. A test sets `options` by its marker, `with_options`."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from tests.unit.sandbox.liveintent_caller import AT_ONCE, Caller, Clock


@pytest.fixture
def options() -> SandboxOptions:
    return AT_ONCE


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(options: SandboxOptions, clock: Clock) -> AsyncIterator[LiveIntentSandbox]:
    sandbox = LiveIntentSandbox(options, now=clock)
    async with sandbox:
        yield sandbox


@pytest.fixture
async def caller(sandbox: LiveIntentSandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(session, sandbox)
