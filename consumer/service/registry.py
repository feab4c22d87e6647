"""The client of the schema registry, as the settings have it."""

import asyncio
import ssl
from contextlib import AsyncExitStack

import aiohttp

from consumer.segment.registry_authorization import (
    Authorization,
    SecretAuthorization,
    basic_authorization,
    bearer_authorization,
    no_authorization,
)
from consumer.segment.registry_client import RegistryClient
from consumer.segment.registry_oauth import ClientCredentials, TokenEndpoint
from consumer.segment.registry_tls import RegistryTls, TlsFiles
from consumer.settings import EventSettings
from consumer.telemetry.metrics import Metrics

ANSWER_SECONDS = 10.0


async def registry_client(
    settings: EventSettings,
    stack: AsyncExitStack,
    metrics: Metrics | None = None,
    *,
    timeout_seconds: float = ANSWER_SECONDS,
) -> RegistryClient:
    """The client; what it must close is left to `stack`. Connects to nothing yet."""
    tls = await asyncio.to_thread(RegistryTls, _files(settings))
    session = await _session(stack, tls.context)
    return RegistryClient(
        session,
        *(settings.schema_registry_url or ()),
        authorization=await _authorization(settings, stack, timeout_seconds),
        refresh=tls.refresh,
        timeout_seconds=timeout_seconds,
        metrics=metrics,
    )


def authentication_in_words(settings: EventSettings) -> str:
    """How the registry is told who asks, for people."""
    ways = []
    if settings.schema_registry_oauth_url is not None:
        ways.append("an OAuth token")
    elif settings.schema_registry_token is not None:
        ways.append("a bearer token")
    elif settings.schema_registry_username is not None:
        ways.append("a user name and password")
    if settings.schema_registry_certificate_file is not None:
        ways.append("a client certificate")
    return "with " + " and ".join(ways) if ways else "without credentials"


async def _authorization(
    settings: EventSettings, stack: AsyncExitStack, timeout_seconds: float
) -> Authorization:
    """Who asks, from the secrets as they are at each request."""
    if settings.schema_registry_oauth_url is not None:
        return await _oauth(settings, stack, timeout_seconds)
    if (token := settings.schema_registry_token) is not None:
        return SecretAuthorization(lambda: bearer_authorization(token.read()))
    user_name, password = settings.schema_registry_username, settings.schema_registry_password
    if user_name is not None and password is not None:
        return SecretAuthorization(lambda: basic_authorization(user_name, password.read()))
    return SecretAuthorization(no_authorization)


async def _oauth(
    settings: EventSettings, stack: AsyncExitStack, timeout_seconds: float
) -> ClientCredentials:
    secret = settings.schema_registry_oauth_client_secret
    assert secret is not None  # noqa: S101 - the settings refuse an endpoint without a client
    # Whoever gives tokens is often public while the registry is not: both the system's authorities and ours are trusted,
    # and our certificate is the registry's alone to see.
    context = await asyncio.to_thread(_context_for_tokens, settings)
    headers = {
        # Source: Confluent's clients, bearer.auth.logical.cluster and bearer.auth.identity.pool.id.
        "target-sr-cluster": settings.schema_registry_logical_cluster,
        "Confluent-Identity-Pool-Id": settings.schema_registry_identity_pool,
    }
    return ClientCredentials(
        await _session(stack, context),
        TokenEndpoint(
            settings.schema_registry_oauth_url or "",
            settings.schema_registry_oauth_client_id or "",
            secret.read,
            settings.schema_registry_oauth_scope,
        ),
        extra_headers={name: text for name, text in headers.items() if text is not None},
        timeout_seconds=timeout_seconds,
    )


def _files(settings: EventSettings) -> TlsFiles:
    return TlsFiles(
        settings.schema_registry_ca_file,
        settings.schema_registry_certificate_file,
        settings.schema_registry_key_file,
    )


def _context_for_tokens(settings: EventSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.schema_registry_ca_file is not None:
        context.load_verify_locations(settings.schema_registry_ca_file)
    return context


async def _session(stack: AsyncExitStack, context: ssl.SSLContext) -> aiohttp.ClientSession:
    return await stack.enter_async_context(
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), cookie_jar=aiohttp.DummyCookieJar()
        )
    )
