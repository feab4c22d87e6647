"""The audience commands as somebody at a shell meets them, and a LiveIntent for them to ask."""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from typer.testing import CliRunner

from consumer.cli.app import app
from consumer.errors import SegmentLiveIntentError
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from tests.unit.sandbox.liveintent_caller import Caller, Clock

VIP, CARTS = "vip_customers", "cart_abandoners"
TOKEN = "invented-api-key"
ON_A_TERMINAL = {"FORCE_COLOR": "1", "COLUMNS": "220"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind. `said` is standard error, and the sentence of an error that ended it."""

    code: int
    out: str
    said: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class World:
    """A LiveIntent, a caller that does what others do there, and the commands."""

    def __init__(self, liveintent: LiveIntentSandbox, caller: Caller, clock: Clock) -> None:
        self.liveintent = liveintent
        self.liveintent_clock = clock
        self.caller = caller
        self.environ = {
            "LIVEINTENT_URL": liveintent.url,
            "LIVEINTENT_API_KEY": TOKEN,
            "LIVEINTENT_ACCOUNT_ID": str(liveintent.options.account_id),
            "LIVEINTENT_DATA_PROVIDER_ID": str(liveintent.options.data_provider_id),
            "LIVEINTENT_REQUESTS_PER_SECOND": "500",
            "LIVEINTENT_PAGE_SIZE": "2",
        }

    async def command(self, *arguments: str, stdin: str = "", **environ: str) -> Outcome:
        """Run `segment-liveintent audiences ...`; nothing it says holds a secret."""
        others = {name: None for name in os.environ if name.startswith(("KAFKA_", "LIVEINTENT_"))}
        env = {**others, **self.environ, **environ}
        result = await asyncio.to_thread(
            CliRunner().invoke, app, ["audiences", *arguments], input=stdin, env=env
        )
        error = result.exception
        if error is not None and not isinstance(error, SystemExit | SegmentLiveIntentError):
            raise error
        code = error.exit_code if isinstance(error, SegmentLiveIntentError) else result.exit_code
        sentence = f"{error}\n" if isinstance(error, SegmentLiveIntentError) else ""
        outcome = Outcome(code, result.stdout, result.stderr + sentence)
        for secret in (TOKEN, "signature"):
            assert secret not in outcome.out + outcome.said
        return outcome

    async def upload(self, audience: int, rows: int, *, action: str = "ADD") -> None:
        """Store a file of as many rows, the same ones each time."""
        self.liveintent_clock.advance(0.01)
        hashes = (hashlib.sha256(b"%d" % number).hexdigest() for number in range(rows))
        assert (await self.caller.upload(audience, *hashes, action=action)).status == 200

    def statuses(self) -> dict[int, str]:
        return {view.id: view.status for view in self.liveintent.audiences()}


@asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    clock = Clock(time.time())
    options = SandboxOptions(token=TOKEN, processing_seconds=0.0)
    liveintent = LiveIntentSandbox(options, now=clock)
    async with liveintent, aiohttp.ClientSession() as session:
        caller = Caller(session, liveintent)
        caller.token = TOKEN
        yield World(liveintent, caller, clock)
