"""A stand-in for a Confluent schema registry: enough of its API to register schemas and to look them up.

Paths, bodies and error codes follow Confluent's published Schema Registry API. State lives in memory only.
"""

import base64
import hashlib
import hmac
import ssl
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

_CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
_LARGEST_VERSION = 2**31 - 1
_SUBJECT_NOT_FOUND = 40401
_VERSION_NOT_FOUND = 40402
_SCHEMA_NOT_FOUND = 40403
_INVALID_SCHEMA = 42201
_INVALID_VERSION = 42202

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """One schema under its global id. `text` is what was registered, byte for byte."""

    schema_id: int
    text: str
    guid: str


class SchemaRegistrySandbox:
    """A schema registry on a local port.

    `outage` is the status every request gets (503, say), or None for normal service. `requests` counts all
    requests, refused ones included, and `requests_by_path` the same by path.
    """

    def __init__(
        self, *, basic_auth: tuple[str, str] | None = None, bearer_token: str | None = None
    ) -> None:
        self.outage: int | None = None
        self.requests = 0
        self.requests_by_path: Counter[str] = Counter()
        self.url = ""
        self._accepted = _accepted_credentials(basic_auth, bearer_token)
        self._schemas: dict[int, RegisteredSchema] = {}
        self._ids_by_text: dict[str, int] = {}
        self._subjects: dict[str, list[int]] = {}
        self._runner: web.AppRunner | None = None

    def accept_tokens(self, *tokens: str) -> None:
        """From now on let in those with one of these bearer tokens, and nobody else."""
        self._accepted = tuple(b"Bearer " + token.encode() for token in tokens)

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> str:
        """Serve, and return the URL. Port 0 takes a free one."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/subjects", self._list_subjects)
        app.router.add_post("/subjects/{subject}/versions", self._post_version)
        app.router.add_get("/subjects/{subject}/versions/{version}", self._get_version)
        app.router.add_get("/schemas/ids/{schema_id}", self._get_schema)
        app.router.add_get("/schemas/guids/{guid}", self._get_schema_by_guid)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
        self.url = f"{'http' if tls is None else 'https'}://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Close the port. What was registered stays, so `start` brings the same registry back."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """Register one Avro schema without going over HTTP; returns its id.

        The same schema has one id however often and under however many subjects it is registered.
        """
        return self._register(subject, orjson.dumps(schema).decode())

    def guid_of(self, schema_id: int) -> str:
        """The GUID that the second wire format uses in place of the id."""
        return self._schemas[schema_id].guid

    def _register(self, subject: str, text: str) -> int:
        schema_id = self._ids_by_text.setdefault(text, len(self._ids_by_text) + 1)
        if schema_id not in self._schemas:
            guid = str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16]))
            self._schemas[schema_id] = RegisteredSchema(schema_id, text, guid)
        versions = self._subjects.setdefault(subject, [])
        if schema_id not in versions:
            versions.append(schema_id)
        return schema_id

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self.requests += 1
        self.requests_by_path[request.path] += 1
        if self.outage is not None:
            return _error(self.outage, self.outage * 100 + 1, "The registry is out of order")
        if self._accepted and not self._is_authorised(request):
            return _error(401, 401, "Unauthorized")
        return await handler(request)

    def _is_authorised(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "").encode()
        return any(hmac.compare_digest(given, accepted) for accepted in self._accepted)

    async def _list_subjects(self, _request: web.Request) -> web.Response:
        return _answer(sorted(self._subjects))

    async def _post_version(self, request: web.Request) -> web.Response:
        text = _schema_text(await request.read())
        if text is None:
            return _error(422, _INVALID_SCHEMA, "Invalid schema")
        return _answer({"id": self._register(request.match_info["subject"], text)})

    async def _get_version(self, request: web.Request) -> web.Response:
        subject, wanted = request.match_info["subject"], request.match_info["version"]
        versions = self._subjects.get(subject)
        if versions is None:
            return _error(404, _SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        number = _version_number(wanted, len(versions))
        if number is None:
            return _error(422, _INVALID_VERSION, f"The specified version '{wanted}' is not valid.")
        if number > len(versions):
            return _error(404, _VERSION_NOT_FOUND, f"Version {number} not found.")
        schema = self._schemas[versions[number - 1]]
        return _answer(
            {"subject": subject, "version": number, "id": schema.schema_id, "schema": schema.text}
        )

    async def _get_schema(self, request: web.Request) -> web.Response:
        wanted = request.match_info["schema_id"]
        schema = self._schemas.get(int(wanted)) if wanted.isdecimal() else None
        if schema is None:
            return _error(404, _SCHEMA_NOT_FOUND, f"Schema {wanted} not found")
        return _answer({"schema": schema.text, "guid": schema.guid})

    async def _get_schema_by_guid(self, request: web.Request) -> web.Response:
        wanted = request.match_info["guid"]
        for schema in self._schemas.values():
            if schema.guid == wanted:
                return _answer({"schema": schema.text, "guid": schema.guid})
        return _error(404, _SCHEMA_NOT_FOUND, f"Schema {wanted} not found")


def _accepted_credentials(
    basic_auth: tuple[str, str] | None, bearer_token: str | None
) -> tuple[bytes, ...]:
    accepted = []
    if basic_auth is not None:
        accepted.append(b"Basic " + base64.b64encode(":".join(basic_auth).encode()))
    if bearer_token is not None:
        accepted.append(b"Bearer " + bearer_token.encode())
    return tuple(accepted)


def _schema_text(body: bytes) -> str | None:
    """The schema of a registration body, or None when it holds no Avro schema written in JSON."""
    try:
        text = orjson.loads(body)["schema"]
        orjson.loads(text)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return str(text)


def _version_number(wanted: str, latest: int) -> int | None:
    if wanted in {"latest", "-1"}:
        return latest
    if wanted.isdecimal() and 1 <= int(wanted) <= _LARGEST_VERSION:
        return int(wanted)
    return None


def _answer(body: Any) -> web.Response:  # noqa: ANN401  # any JSON value
    return web.Response(body=orjson.dumps(body), content_type=_CONTENT_TYPE)


def _error(status: int, code: int, message: str) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps({"error_code": code, "message": message}),
        content_type=_CONTENT_TYPE,
    )
