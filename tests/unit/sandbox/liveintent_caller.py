"""A plain caller of the LiveIntent stand-in, which does what the contract says and nothing more."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions

TOKEN = SandboxOptions().token
HASH_A, HASH_B, HASH_C = ("a" * 64, "b" * 40, "c" * 32)

AT_ONCE = SandboxOptions(processing_seconds=0.0)


class Clock:
    """Time that stands still until told."""

    def __init__(self, epoch_seconds: float = 1_800_000_000.0) -> None:
        self.epoch_seconds = epoch_seconds

    def __call__(self) -> float:
        return self.epoch_seconds

    def advance(self, seconds: float) -> None:
        self.epoch_seconds += seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read whole. `document` is None unless it is JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    document: Any


class Caller:
    """Requests with the token, to one stand-in."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: LiveIntentSandbox) -> None:
        self.session = session
        self.sandbox = sandbox
        self.token: str | None = TOKEN

    async def call(self, verb: str, path: str, document: object = None) -> Reply:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        body = None if document is None else json.dumps(document).encode()
        return await self.send(verb, self.sandbox.url + path, headers, body)

    async def put(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Store a file. The headers replace the one that is sent otherwise, Content-Length."""
        if headers is None:
            headers = {"Content-Length": str(len(body))}
        return await self.send("PUT", url, headers, once(body))

    async def send(
        self,
        verb: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
    ) -> Reply:
        async with self.session.request(
            verb,
            url,
            headers=headers,
            data=body,
            skip_auto_headers={"Content-Type"},
            allow_redirects=False,
        ) as response:
            read = await response.read()
            is_json = response.content_type == "application/json"
            document = json.loads(read) if is_json else None
            return Reply(response.status, response.headers, read, document)

    async def create(self, name: str, **more: object) -> int:
        body = {"name": name, "accountId": 7001, "dataProviderId": 84, **more}
        reply = await self.call("POST", "/audiences", body)
        assert reply.status == 201
        return int(reply.document["id"])

    async def mint(
        self, audience_id: int, action: str = "ADD", identifier_type: str = "EMAIL_HASH"
    ) -> str:
        body = {"action": action, "identifierType": identifier_type, "uploadName": "b-1.txt"}
        reply = await self.call("POST", f"/audiences/{audience_id}/signed-urls", body)
        assert reply.status == 201
        return str(reply.document["signedUrl"])

    async def upload(
        self,
        audience_id: int,
        *rows: str,
        action: str = "ADD",
        identifier_type: str = "EMAIL_HASH",
    ) -> Reply:
        url = await self.mint(audience_id, action, identifier_type)
        return await self.put(url, "".join(f"{row}\n" for row in rows).encode())

    async def listed(self, audience_id: int) -> list[dict[str, Any]]:
        reply = await self.call("GET", f"/audiences/{audience_id}/uploads?pageSize=1000")
        assert reply.status == 200
        entries: list[dict[str, Any]] = reply.document["entries"]
        return entries

    async def search(self, matches: object = None, **more: object) -> Reply:
        body = {"matches": matches, **more}
        return await self.call("POST", "/search/audiences/v2?accountId=7001", body)

    async def found(self, matches: object = None) -> list[str]:
        reply = await self.search(matches)
        assert reply.status == 200
        return [item["name"] for item in reply.document["items"]]


async def once(body: bytes) -> AsyncIterator[bytes]:
    """A body that can be read once: aiohttp silently repeats a PUT whose connection dropped, if it can."""
    yield body


def name_is(name: str) -> dict[str, object]:
    return {"nameMatches": {"value": {"eq": {"value": name}}}}


def with_options(**options: Any) -> pytest.MarkDecorator:  # noqa: ANN401 - as SandboxOptions has them
    """Run a test against a stand-in with other options than `AT_ONCE`."""
    return pytest.mark.parametrize("options", [SandboxOptions(**options)], ids=["with_options"])
