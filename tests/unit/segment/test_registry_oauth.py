import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from consumer.segment import registry_oauth
from consumer.segment.registry_answers import Trouble, Unavailable
from consumer.segment.registry_oauth import ClientCredentials
from tests.token_endpoint import TokenEndpoint

FIRST, SECOND = {"Authorization": "Bearer token-1"}, {"Authorization": "Bearer token-2"}


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds


class Given:
    """A client's secret, which may change."""

    def __init__(self) -> None:
        self.secret = "s3cret&more"

    def read(self) -> str:
        return self.secret


@pytest.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    async with TokenEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def credentials(
    session: aiohttp.ClientSession, endpoint: TokenEndpoint, clock: Clock, given: Given
) -> ClientCredentials:
    client = registry_oauth.TokenEndpoint(endpoint.url, "a client", given.read, "read schemas")
    return ClientCredentials(
        session, client, extra_headers={"target-sr-cluster": "lsrc-1"}, now=clock.now
    )


async def test_a_token_is_asked_for_with_client_credentials_and_kept(
    credentials: ClientCredentials, endpoint: TokenEndpoint
) -> None:
    first, again = await credentials.headers(), await credentials.headers()

    assert first == again == FIRST | {"target-sr-cluster": "lsrc-1"}
    assert endpoint.forms == [{"grant_type": "client_credentials", "scope": "read schemas"}]


@pytest.mark.parametrize(
    ("expires_in", "good_for"), [(600, 570), (60, 48), (None, 300), ("soon", 300)]
)
async def test_a_token_is_renewed_shortly_before_it_expires(
    credentials: ClientCredentials,
    endpoint: TokenEndpoint,
    clock: Clock,
    expires_in: object,
    good_for: float,
) -> None:
    endpoint.expires_in = expires_in
    await credentials.headers()
    clock.seconds += good_for - 0.1
    before = bearer_of(await credentials.headers())
    clock.seconds += 0.2
    after = bearer_of(await credentials.headers())

    assert (before, after) == (FIRST["Authorization"], SECOND["Authorization"])


async def test_a_refused_token_is_renewed_and_a_newer_one_is_kept(
    credentials: ClientCredentials,
) -> None:
    old = await credentials.headers()
    assert not isinstance(old, Unavailable)

    assert credentials.refused(old)
    assert bearer_of(await credentials.headers()) == "Bearer token-2"
    assert credentials.refused(old)
    assert bearer_of(await credentials.headers()) == "Bearer token-2"


async def test_a_secret_that_changed_gets_a_new_token(
    credentials: ClientCredentials, endpoint: TokenEndpoint, given: Given
) -> None:
    await credentials.headers()
    endpoint.secret = given.secret = "another"

    assert bearer_of(await credentials.headers()) == "Bearer token-2"


async def test_however_many_ask_a_token_is_asked_for_once(
    credentials: ClientCredentials, endpoint: TokenEndpoint
) -> None:
    await asyncio.gather(*(credentials.headers() for _ in range(5)))

    assert len(endpoint.forms) == 1


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": "invalid_scope"}, Unavailable("the token endpoint: HTTP 400", needs_someone=True)),
        (503, {}, Unavailable("the token endpoint: HTTP 503", 7.0)),
        (429, {}, Unavailable("the token endpoint: HTTP 429", 7.0)),
        (302, {}, Unavailable("the token endpoint: HTTP 302", needs_someone=True)),
        (200, {}, Unavailable("the token endpoint: not a token endpoint's answer", needs_someone=True)),
        (200, {"access_token": "a b"}, Unavailable("the token endpoint: not a token endpoint's answer", needs_someone=True)),
        (200, {"access_token": "a\r\nX: y"}, Unavailable("the token endpoint: not a token endpoint's answer", needs_someone=True)),
        (
            200,
            {"access_token": "a", "token_type": "mac"},
            Unavailable("the token endpoint: a token that is not a bearer's", needs_someone=True),
        ),
    ],
)  # fmt: skip
async def test_without_a_token_there_is_no_asking_and_it_says_why(
    credentials: ClientCredentials,
    endpoint: TokenEndpoint,
    status: int,
    body: dict[str, object],
    expected: Unavailable,
) -> None:
    endpoint.status, endpoint.body = status, body
    if status in {503, 429}:
        endpoint.headers = {"Retry-After": "7"}

    failure = await credentials.headers()

    assert failure == expected
    assert isinstance(failure, Unavailable)
    assert failure.trouble is Trouble.TOKEN_ENDPOINT


async def test_a_refused_client_needs_someone_and_its_secret_is_not_told(
    credentials: ClientCredentials, given: Given
) -> None:
    given.secret = "wr0ng"

    failure = await credentials.headers()

    assert failure == Unavailable("the token endpoint: HTTP 401", needs_someone=True)
    assert "wr0ng" not in repr((failure, credentials.__dict__))


async def test_no_token_endpoint_is_an_outage(
    session: aiohttp.ClientSession, unused_tcp_port: int, given: Given
) -> None:
    client = registry_oauth.TokenEndpoint(f"http://127.0.0.1:{unused_tcp_port}", "c", given.read)

    failure = await ClientCredentials(session, client).headers()

    assert failure == Unavailable("the token endpoint: ClientConnectorError")


def bearer_of(headers: Mapping[str, str] | Unavailable) -> str:
    assert not isinstance(headers, Unavailable)
    return headers["Authorization"]
