"""What `check` says of a schema registry, in words an operator can act on."""

import asyncio

import pytest

from consumer.cli.checks.findings import Check, Finding, Result
from consumer.cli.checks.schemas import schema_findings
from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.settings import EventSettings, load_part
from tests.certificates import AUTHORITY, OTHER_AUTHORITY, certificate, key, server_context
from tests.token_endpoint import TokenEndpoint

SECRET = "hush-hush"


async def found(url: str, **environ: str) -> Finding:
    given = {"SCHEMA_REGISTRY_URL": url, **environ}
    settings = await asyncio.to_thread(load_part, EventSettings, given)
    findings = [each async for each in schema_findings(settings, seconds=5)]
    (finding,) = [each for each in findings if each.check is Check.SCHEMA_REGISTRY]
    assert SECRET not in repr(finding)
    return finding


def oauth(tokens: TokenEndpoint, secret: str) -> dict[str, str]:
    return {
        "SCHEMA_REGISTRY_OAUTH_URL": tokens.url,
        "SCHEMA_REGISTRY_OAUTH_CLIENT_ID": tokens.client_id,
        "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET": secret,
    }


async def test_it_says_which_address_answered_and_as_whom(unused_tcp_port: int) -> None:
    async with SchemaRegistrySandbox() as registry:
        finding = await found(f"http://127.0.0.1:{unused_tcp_port},{registry.url}")

    assert finding.result is Result.OK
    where = registry.url.removeprefix("http://")
    assert finding.detail == f"{where} answers, and lets us read without credentials"


async def test_a_token_that_was_got_is_said_and_a_token_endpoint_that_refuses_is_blamed() -> None:
    async with SchemaRegistrySandbox(bearer_token="token-1") as registry, TokenEndpoint() as tokens:
        good = await found(registry.url, **oauth(tokens, tokens.secret))
        bad = await found(registry.url, **oauth(tokens, SECRET))

    assert good.detail.endswith("with an OAuth token")
    assert bad.detail == "the token endpoint: HTTP 401"
    assert "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET" in (bad.advice or "")


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "does not know us"), (403, "does not let us read"), (503, "out of order"), (400, "its path")],
)  # fmt: skip
async def test_each_refusal_has_an_advice_of_its_own(status: int, advice: str) -> None:
    async with SchemaRegistrySandbox() as registry:
        registry.outage = status
        finding = await found(registry.url, SCHEMA_REGISTRY_TOKEN=SECRET)

    assert finding.result is Result.FAILED
    assert finding.detail == f"HTTP {status}"
    assert advice in (finding.advice or "")


async def test_a_certificate_that_is_not_trusted_is_told_apart_from_no_connection() -> None:
    registry = SchemaRegistrySandbox()
    url = await registry.start(tls=await asyncio.to_thread(server_context))
    try:
        good = await found(
            url,
            SCHEMA_REGISTRY_CA_FILE=str(AUTHORITY),
            SCHEMA_REGISTRY_CERTIFICATE_FILE=str(certificate("client")),
            SCHEMA_REGISTRY_KEY_FILE=str(key("client")),
        )
        bad = await found(url, SCHEMA_REGISTRY_CA_FILE=str(OTHER_AUTHORITY))
    finally:
        await registry.stop()

    assert good.detail.endswith("with a client certificate")
    assert bad.detail == (
        "TLS: its certificate is not accepted (unable to get local issuer certificate)"
    )
    assert "SCHEMA_REGISTRY_CA_FILE" in (bad.advice or "")


async def test_a_host_that_nobody_knows_is_named_as_the_trouble() -> None:
    finding = await found("http://registry.invalid:8081")

    assert finding.detail == "the host's name is not known"
    assert "Check the host in SCHEMA_REGISTRY_URL" in (finding.advice or "")
