"""Staging and production are two worlds: what one process knows of one host is never used at another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from consumer.audience.membership import AudienceKey
from consumer.liveintent.audience_directory import AudienceDirectory, AudienceRefused
from consumer.liveintent.audiences_api import AudiencesApi
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.exchange import Exchange
from consumer.liveintent.policies import Account, LiveIntentLimits
from consumer.liveintent.token import Token
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from consumer.service.from_settings import directory_policy
from consumer.settings import load_settings
from consumer.telemetry.metrics import Metrics
from tests.unit.settings_builders import COMPLETE

VIP = AudienceKey("vip_customers")
CARTS = AudienceKey("cart_abandoners")
LIMITS = LiveIntentLimits(requests_per_second=1000)


@dataclass(frozen=True)
class Host:
    sandbox: LiveIntentSandbox
    environ: dict[str, str]


@pytest.fixture
async def hosts() -> AsyncIterator[tuple[Host, Host]]:
    """Staging, and production with another token. `vip_customers` has another id at each."""
    staging = LiveIntentSandbox(SandboxOptions(token="of-staging"))
    production = LiveIntentSandbox(SandboxOptions(token="of-production"))
    staging.add_audience(VIP)
    production.add_audience("somebody_elses")
    production.add_audience(VIP)
    async with staging as staging_url, production as production_url:
        yield (
            Host(staging, environ_of(staging, staging_url)),
            Host(production, environ_of(production, production_url)),
        )


def environ_of(sandbox: LiveIntentSandbox, url: str) -> dict[str, str]:
    return COMPLETE | {
        "LIVEINTENT_URL": url,
        "LIVEINTENT_API_KEY": sandbox.options.token,
        "LIVEINTENT_ACCOUNT_ID": str(sandbox.options.account_id),
        "LIVEINTENT_DATA_PROVIDER_ID": str(sandbox.options.data_provider_id),
    }


@asynccontextmanager
async def a_directory(environ: dict[str, str]) -> AsyncIterator[AudienceDirectory]:
    settings, metrics, clock = load_settings(environ), Metrics(CollectorRegistry()), Clock()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(LiveIntentClient(settings.liveintent_url, metrics))
        token = Token(settings.liveintent_api_key.read, clock=clock)
        api = AudiencesApi(client, Exchange(token, LIMITS, metrics, clock=clock))
        account = Account(settings.liveintent_account_id, settings.liveintent_data_provider_id)
        yield AudienceDirectory(api, account, directory_policy(settings), metrics, clock=clock)


async def test_two_hosts_in_one_process_share_neither_ids_nor_tokens(
    hosts: tuple[Host, Host],
) -> None:
    staging, production = hosts
    async with (
        a_directory(staging.environ) as at_staging,
        a_directory(production.environ) as at_production,
        asyncio.timeout(10),
    ):
        ids = [await at_staging.resolve(VIP), await at_production.resolve(VIP)]
        await at_staging.resolve(CARTS)

    assert ids == [900_001, 900_002]
    assert [each.name for each in staging.sandbox.audiences()] == [VIP, CARTS]
    assert CARTS not in [each.name for each in production.sandbox.audiences()]
    for host in hosts:
        assert {status for _, status in host.sandbox.requests} <= {200, 201}


async def test_after_a_restart_with_another_url_everything_is_asked_for_again(
    hosts: tuple[Host, Host],
) -> None:
    # Nothing outlives the process that learned it: there is no file and no store of ids.
    for host, expected in zip(hosts, [900_001, 900_002], strict=True):
        async with a_directory(host.environ) as directory, asyncio.timeout(10):
            assert directory.mappings == {}
            assert await directory.resolve(VIP) == expected


async def test_an_id_of_staging_is_refused_at_production_before_anything_is_sent_there(
    hosts: tuple[Host, Host],
) -> None:
    _, production = hosts
    ids = {"LIVEINTENT_AUDIENCE_IDS": f"{VIP}=123456"}
    async with a_directory(production.environ | ids) as directory, asyncio.timeout(10):
        refused = await directory.resolve(VIP)

    assert isinstance(refused, AudienceRefused)
    assert "Is it an id of LiveIntent's other host, staging or production?" in refused.detail
    assert [operation for operation, _ in production.sandbox.requests] == ["get"]
