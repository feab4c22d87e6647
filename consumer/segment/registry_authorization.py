"""How a schema registry is told who asks: not at all, by a password or a token that is set, or by OAuth."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Protocol

from consumer.segment.registry_answers import Unavailable


class Authorization(Protocol):
    """The headers that say who asks."""

    async def headers(self) -> Mapping[str, str] | Unavailable:
        """The headers for the next request, or what keeps us from having any. Safe to cancel."""
        ...

    def refused(self, headers: Mapping[str, str]) -> bool:
        """The registry answered 401 to these headers. Whether asking for others can give better ones at once."""
        ...


class SecretAuthorization:
    """An Authorization header made of a secret, which is read anew for every request, so that a change takes effect."""

    def __init__(self, authorization: Callable[[], str | None]) -> None:
        self._authorization = authorization

    async def headers(self) -> Mapping[str, str]:
        """The header of the moment. A secret may be a file, so it is read off the loop."""
        authorization = await asyncio.to_thread(self._authorization)
        return {} if authorization is None else {"Authorization": authorization}

    def refused(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - see Authorization
        """Never: it was the newest there is."""
        return False


def no_authorization() -> str | None:
    """For a registry that asks for none."""
    return None


def basic_authorization(user_name: str, password: str) -> str:
    """The Authorization header for a user name and password."""
    return "Basic " + b64encode(f"{user_name}:{password}".encode()).decode()


def bearer_authorization(token: str) -> str:
    """The Authorization header for a token."""
    return f"Bearer {token}"
