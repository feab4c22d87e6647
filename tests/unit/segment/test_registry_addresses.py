"""Several addresses of one registry, TLS, and how both fail."""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.segment import registry_client
from consumer.segment.registry_answers import Found, NotFound, Trouble, Unavailable
from consumer.segment.registry_client import RegistryClient
from consumer.segment.registry_tls import RegistryTls, TlsFiles
from consumer.telemetry.metrics import Metrics
from tests.certificates import (
    AUTHORITY,
    OTHER_AUTHORITY,
    asking_server_context,
    certificate,
    key,
    server_context,
)

SCHEMA = {"type": "record", "name": "R", "fields": []}
PATH = "/schemas/ids/1"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def pair() -> AsyncIterator[tuple[SchemaRegistrySandbox, SchemaRegistrySandbox]]:
    async with SchemaRegistrySandbox() as one, SchemaRegistrySandbox() as other:
        for registry in (one, other):
            registry.register("s", SCHEMA)
        yield one, other


async def test_the_next_address_is_asked_when_one_gives_no_answer_and_is_kept(
    session: aiohttp.ClientSession, pair: tuple[SchemaRegistrySandbox, SchemaRegistrySandbox]
) -> None:
    one, other = pair
    client = RegistryClient(session, one.url, other.url)
    one.outage = 503

    assert isinstance(await client.get(PATH), Found)
    assert client.url == other.url
    one.outage = None
    assert isinstance(await client.get(PATH), Found)
    assert (one.requests, other.requests) == (1, 2)
    other.outage = 503
    assert isinstance(await client.get(PATH), Found)
    assert client.url == one.url


async def test_only_when_no_address_answers_is_it_an_outage(
    session: aiohttp.ClientSession, pair: tuple[SchemaRegistrySandbox, SchemaRegistrySandbox]
) -> None:
    one, other = pair
    client = RegistryClient(session, one.url, other.url)
    one.outage, other.outage = 503, 403

    failure = await client.get(PATH)

    assert failure == Unavailable("HTTP 403; HTTP 503", needs_someone=True)
    assert isinstance(failure, Unavailable)
    assert failure.trouble is Trouble.FORBIDDEN
    other.outage = 503
    assert await client.get(PATH) == Unavailable("HTTP 503")


async def test_not_found_is_an_answer_and_no_other_address_is_asked(
    session: aiohttp.ClientSession, pair: tuple[SchemaRegistrySandbox, SchemaRegistrySandbox]
) -> None:
    one, other = pair

    assert await RegistryClient(session, one.url, other.url).get("/schemas/ids/9") == NotFound()
    assert other.requests == 0


async def test_the_time_of_every_request_is_measured(
    session: aiohttp.ClientSession, pair: tuple[SchemaRegistrySandbox, SchemaRegistrySandbox]
) -> None:
    counted = CollectorRegistry()
    one, other = pair
    one.outage = 503

    await RegistryClient(session, one.url, other.url, metrics=Metrics(counted)).get(PATH)

    name = "segment_liveintent_schema_registry_request_duration_seconds_count"
    assert counted.get_sample_value(name) == 2


async def test_an_answer_without_end_is_not_read_to_its_end(
    session: aiohttp.ClientSession,
    pair: tuple[SchemaRegistrySandbox, SchemaRegistrySandbox],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry_client, "LARGEST_ANSWER_BYTES", 20)

    answer = await RegistryClient(session, pair[0].url).get(PATH)

    assert answer == Unavailable("an answer larger than any schema", needs_someone=True)


async def test_a_registry_that_knows_no_guids_is_waited_for_and_costs_no_record(
    session: aiohttp.ClientSession, pair: tuple[SchemaRegistrySandbox, SchemaRegistrySandbox]
) -> None:
    client = RegistryClient(session, pair[0].url + "/elsewhere")

    failure = await client.get("/schemas/guids/3f2504e0-4f89-11d3-9a0c-0305e82c3301")

    assert failure == Unavailable("HTTP 404: it does not know schemas by GUID", needs_someone=True)


async def test_a_registry_with_a_certificate_of_our_authority_is_trusted() -> None:
    async with a_tls_registry(server_context()) as url:
        assert isinstance(await asked(url, TlsFiles(ca=AUTHORITY)), Found)


@pytest.mark.parametrize(
    ("files", "server", "words"),
    [
        (TlsFiles(), "server", "unable to get local issuer certificate"),
        (TlsFiles(ca=OTHER_AUTHORITY), "server", "unable to get local issuer certificate"),
        (TlsFiles(ca=AUTHORITY), "elsewhere", "IP address mismatch"),
    ],
)
async def test_a_certificate_we_cannot_trust_needs_someone_and_says_what_is_wrong(
    files: TlsFiles, server: str, words: str
) -> None:
    async with a_tls_registry(server_context(server)) as url:
        failure = await asked(url, files)

    assert isinstance(failure, Unavailable)
    assert failure.needs_someone
    assert failure.trouble is Trouble.TLS
    assert words in failure.reason
    assert "127.0.0.1" not in failure.reason


async def test_a_registry_that_asks_for_our_certificate_gets_it() -> None:
    ours = TlsFiles(AUTHORITY, certificate("client"), key("client"))
    async with a_tls_registry(asking_server_context()) as url:
        assert isinstance(await asked(url, ours), Found)

        failure = await asked(url, TlsFiles(ca=AUTHORITY))
        assert isinstance(failure, Unavailable)
        # With TLS 1.3 the refusal comes after the handshake, and may or may not be read before the connection ends.
        assert failure.trouble in {Trouble.TLS, Trouble.HUNG_UP}


async def test_plain_http_where_tls_is_expected_is_a_failure_of_tls() -> None:
    async with SchemaRegistrySandbox() as registry:
        failure = await asked(registry.url.replace("http:", "https:"), TlsFiles(ca=AUTHORITY))

    assert isinstance(failure, Unavailable)
    assert failure.trouble is Trouble.TLS


async def test_a_host_nobody_knows_is_called_so(session: aiohttp.ClientSession) -> None:
    failure = await RegistryClient(session, "http://registry.invalid").get(PATH)

    assert isinstance(failure, Unavailable)
    assert failure.trouble is Trouble.UNKNOWN_HOST
    assert "registry.invalid" not in failure.reason


async def test_files_that_were_renewed_are_used_for_the_next_connection(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "ca.pem", tmp_path / "our.pem", tmp_path / "our.key")
    await asyncio.to_thread(copies, tmp_path, {"ca.pem": OTHER_AUTHORITY, "our.pem": certificate("server"), "our.key": key("server")})  # fmt: skip
    async with a_tls_registry(asking_server_context()) as url:
        tls = await asyncio.to_thread(RegistryTls, files)
        async with a_client(url, tls) as client:
            before = await client.get(PATH)
            await asyncio.to_thread(copies, tmp_path, {"ca.pem": AUTHORITY, "our.pem": certificate("client"), "our.key": key("client")})  # fmt: skip
            with capture_logs() as logs:
                after = await client.get(PATH)
                await client.get(PATH)

    assert isinstance(before, Unavailable)
    assert isinstance(after, Found)
    assert [line["event"] for line in logs] == ["The schema registry's TLS files were read again."]


async def test_files_in_the_middle_of_a_rotation_change_nothing(tmp_path: Path) -> None:
    files = TlsFiles(AUTHORITY, tmp_path / "our.pem", tmp_path / "our.key")
    await asyncio.to_thread(
        copies, tmp_path, {"our.pem": certificate("client"), "our.key": key("client")}
    )
    async with a_tls_registry(asking_server_context()) as url:
        tls = await asyncio.to_thread(RegistryTls, files)
        await asyncio.to_thread(copies, tmp_path, {"our.key": key("server")})
        async with a_client(url, tls) as client:
            with capture_logs() as logs:
                torn = await client.get(PATH)
            await asyncio.to_thread((tmp_path / "our.key").unlink)
            gone = await client.get(PATH)

    assert isinstance(torn, Found)
    assert isinstance(gone, Found)
    assert [line["log_level"] for line in logs] == ["warning"]


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password() -> None:
    with pytest.raises(ssl.SSLError):
        RegistryTls(TlsFiles(None, certificate("client"), key("encrypted")))


@asynccontextmanager
async def a_tls_registry(context: ssl.SSLContext) -> AsyncIterator[str]:
    registry = SchemaRegistrySandbox()
    registry.register("s", SCHEMA)
    try:
        yield await registry.start(tls=context)
    finally:
        await registry.stop()


@asynccontextmanager
async def a_client(url: str, tls: RegistryTls) -> AsyncIterator[RegistryClient]:
    # A connection for each request, so that every one shakes hands.
    connector = aiohttp.TCPConnector(ssl=tls.context, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield RegistryClient(session, url, refresh=tls.refresh)


async def asked(url: str, files: TlsFiles) -> object:
    async with a_client(url, await asyncio.to_thread(RegistryTls, files)) as client:
        return await client.get(PATH)


def copies(folder: Path, sources: Mapping[str, Path]) -> None:
    for name, source in sources.items():
        shutil.copy(source, folder / name)
        stat = (folder / name).stat()
        os.utime(folder / name, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
