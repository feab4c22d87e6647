"""The stand-in's control surface for other processes, under `/_sandbox/`. It asks for no token."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, TypedDict

from aiohttp import web

from consumer.sandbox.faults import fault_from_json
from consumer.sandbox.liveintent_page import HEADERS, PageView, sandbox_page

if TYPE_CHECKING:
    from consumer.sandbox.liveintent_server import LiveIntentSandbox

WELCOME = """\
A stand-in for LiveIntent's Audiences API. It is not LiveIntent, and nothing leaves this machine.

GET    /                                 this text, or in a browser a page that renews itself
GET    /_sandbox/members?audience=NAME   who is in an audience, by identifier type
GET    /_sandbox/state                   audiences, uploads, breaches of contract, requests
GET    /_sandbox/direct-calls            what the collector and the Conversions API were sent
GET    /_sandbox/privacy                 what the Privacy API was asked for, in numbers
POST   /_sandbox/faults                  {"operation": "mint", "kind": "status", "status": 503, "times": 3}
DELETE /_sandbox/faults                  end all faults
POST   /_sandbox/token                   {"token": "..."}
POST   /_sandbox/audiences               {"name": "...", "status": "Active"}
"""


class Control:
    """The handlers, on one sandbox. What cannot be done is answered with 400 and a sentence."""

    def __init__(self, sandbox: "LiveIntentSandbox") -> None:
        self._sandbox = sandbox

    def routes(self) -> Iterable[web.RouteDef]:
        """Everything under `/_sandbox/`, and the welcome page."""
        return (
            web.get("/", self._welcome),
            web.get("/_sandbox/members", self._members),
            web.get("/_sandbox/state", self._state),
            web.get("/_sandbox/direct-calls", self._direct_calls),
            web.get("/_sandbox/privacy", self._privacy),
            web.post("/_sandbox/faults", self._add_fault),
            web.delete("/_sandbox/faults", self._clear_faults),
            web.post("/_sandbox/token", self._rotate_token),
            web.post("/_sandbox/audiences", self._add_audience),
        )

    async def _welcome(self, request: web.Request) -> web.Response:
        """The page for who looks with a browser, its endpoints for who does not."""
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(text=WELCOME)
        sandbox = self._sandbox
        view = PageView(
            now=sandbox.now(),
            audiences=sandbox.audiences(),
            uploads=sandbox.uploads(),
            requests=sandbox.requests,
            breaches=sandbox.breaches,
            faults=sandbox.faults.all(),
            others={
                "Collector": sandbox.collector.summary(),
                "Conversions": sandbox.conversions.summary(),
                "Privacy requests": sandbox.privacy.summary(),
            },
        )
        return web.Response(text=sandbox_page(view), content_type="text/html", headers=HEADERS)

    async def _members(self, request: web.Request) -> web.Response:
        name = request.query.get("audience")
        if name is None:
            return _bad("audience=NAME is missing")
        members = self._sandbox.members(name)
        return web.json_response({kind: sorted(values) for kind, values in members.items()})

    async def _state(self, _request: web.Request) -> web.Response:
        requests: dict[str, dict[str, int]] = {}
        for (operation, status), count in sorted(self._sandbox.requests.items()):
            requests.setdefault(operation, {})[str(status)] = count
        return web.json_response(
            {
                "audiences": [asdict(view) for view in self._sandbox.audiences()],
                "uploads": [asdict(view) for view in self._sandbox.uploads()],
                "breaches": [asdict(breach) for breach in self._sandbox.breaches],
                "requests": requests,
            }
        )

    async def _privacy(self, _request: web.Request) -> web.Response:
        return web.json_response(self._sandbox.privacy.summary())

    async def _direct_calls(self, _request: web.Request) -> web.Response:
        collector, conversions = self._sandbox.collector, self._sandbox.conversions
        return web.json_response(
            {"collector": collector.summary(), "conversions": conversions.summary()}
        )

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = fault_from_json(await request.json())
        except ValueError as error:
            return _bad(str(error))
        self._sandbox.faults.add(fault)
        return web.json_response(asdict(fault), status=201)

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._sandbox.faults.clear()
        return web.Response(status=204)

    async def _rotate_token(self, request: web.Request) -> web.Response:
        document = await _document(request)
        token = document.get("token")
        if not isinstance(token, str) or not token or len(document) > 1:
            return _bad("a JSON object with a token is needed")
        self._sandbox.rotate_token(token)
        return web.Response(status=204)

    async def _add_audience(self, request: web.Request) -> web.Response:
        document = await _document(request)
        name = document.pop("name", None)
        if not isinstance(name, str):
            return _bad("a JSON object with a name is needed")
        try:
            audience_id = self._sandbox.add_audience(name, **_audience_options(document))
        except ValueError as error:
            return _bad(str(error))
        return web.json_response({"id": audience_id}, status=201)


class _AudienceOptions(TypedDict, total=False):
    status: str
    account_id: int | None
    created_at: float | None


def _audience_options(document: dict[str, object]) -> _AudienceOptions:
    match {"status": "Active", "account_id": None, "created_at": None} | document:
        case {
            "status": str() as status,
            "account_id": (int() | None) as account_id,
            "created_at": (int() | float() | None) as created_at,
            **unknown,
        } if not unknown:
            return {"status": status, "account_id": account_id, "created_at": created_at}
        case _:
            raise ValueError("an audience may have a status, an account_id and a created_at")


async def _document(request: web.Request) -> dict[str, object]:
    """The body's JSON object; an empty one for anything else."""
    try:
        document = json.loads(await request.read())
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _bad(reason: str) -> web.Response:
    return web.Response(status=400, text=reason)
