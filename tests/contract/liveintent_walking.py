"""What a walk through one of LiveIntent's APIs is, and who makes it: a client that is watched, a caller that is relayed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import iscoroutinefunction
from typing import Any

import aiohttp

from consumer.liveintent.client import LiveIntentClient
from consumer.sandbox.liveintent_server import LiveIntentSandbox
from tests.contract.json_shapes import Schema
from tests.contract.liveintent_openapi import Defect
from tests.contract.openapi import Exchange
from tests.unit.sandbox.liveintent_caller import Caller, Reply

_NOT_A_REQUEST = {"close"}


@dataclass(frozen=True, slots=True)
class Sent:
    """What one client sent, and by which of its methods."""

    exchanges: Sequence[Exchange]
    methods: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """One API: what is published of it, and the two walks through it."""

    name: str
    file: str
    """LiveIntent's document."""
    described: Schema
    """The same in our own words, without its defects."""
    defects: tuple[Defect, ...]
    send: Callable[[], Awaitable[Sent]]
    """Makes every request our client can make."""
    answer: Callable[[], Awaitable[Sequence[Exchange]]]
    """Gets every kind of answer out of the stand-in."""

    def __str__(self) -> str:
        return self.name


class TracedClient(LiveIntentClient):
    """Remembers which of its methods were called."""

    requests = frozenset(
        name
        for name, member in vars(LiveIntentClient).items()
        if iscoroutinefunction(member) and not name.startswith("_") and name not in _NOT_A_REQUEST
    )

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - whatever the attribute is
        if name in TracedClient.requests:
            super().__getattribute__("called").add(name)
        return super().__getattribute__(name)

    def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - as the client's
        self.called: set[str] = set()
        super().__init__(*arguments, **more)


class RelayedCaller(Caller):
    """A caller whose every request goes through a relay."""

    def __init__(
        self, session: aiohttp.ClientSession, sandbox: LiveIntentSandbox, relay: str
    ) -> None:
        super().__init__(session, sandbox)
        self.relay = relay

    async def send(
        self,
        verb: str,
        url: str,
        headers: Mapping[str, str],
        body: Any,  # noqa: ANN401 - as there
    ) -> Reply:
        return await super().send(verb, url.replace(self.sandbox.url, self.relay), headers, body)


def altered(exchange: Exchange, **changes: Any) -> Exchange:  # noqa: ANN401 - as its fields
    """The exchange as it would be if something of it were otherwise."""
    return replace(exchange, **changes)
