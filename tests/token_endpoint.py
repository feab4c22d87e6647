"""A token endpoint for OAuth's client credentials, with invented tokens."""

from base64 import b64decode
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote_plus

from aiohttp import web


class TokenEndpoint:
    """Gives `token-1`, `token-2` and so on to the client it knows, and remembers the forms it was sent."""

    def __init__(self, client_id: str = "a client", secret: str = "s3cret&more") -> None:
        self.client_id = client_id
        self.secret = secret
        self.expires_in: object = 600
        self.status = 200
        self.body: dict[str, Any] | None = None
        self.headers: dict[str, str] = {}
        self.forms: list[dict[str, str]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/token", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/token"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(text) for name, text in (await request.post()).items()})
        user, _, password = (
            b64decode(request.headers["Authorization"].removeprefix("Basic "))
            .decode()
            .partition(":")
        )
        if (unquote_plus(user), unquote_plus(password)) != (self.client_id, self.secret):
            return web.json_response({"error": "invalid_client"}, status=401)
        body = {
            "access_token": f"token-{len(self.forms)}",
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        return web.json_response(
            self.body if self.body is not None else body, status=self.status, headers=self.headers
        )
