import asyncio

import pytest
from prometheus_client import CollectorRegistry

from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.policies import Account, DirectoryPolicy, StoreHeaders, Timeouts
from consumer.liveintent.shapes import AudienceId, SignedUrl, UploadRequest
from consumer.liveintent.upload_outcome import Answer, NotFound, Success, TransportFailure
from consumer.liveintent.uploader import Finished
from consumer.sandbox.liveintent_server import (
    BreachKind,
    Fault,
    FaultKind,
    SandboxOptions,
)
from consumer.telemetry.metrics import Metrics
from tests.contract.liveintent_client import ADD, KEY, REMOVE, a_rig, hashes

ACCOUNT = Account(7001, 84)
UPLOAD = UploadRequest("ADD", "EMAIL_HASH", "b-0001.txt")


async def test_a_new_audience_is_created_and_gets_its_members() -> None:
    async with a_rig() as rig:
        result = await rig.send({ADD: hashes(5)})

        assert result == Finished()
        assert rig.members() == set(hashes(5))
        assert rig.sandbox.breaches == []
        assert rig.stored == 1


async def test_members_leave_before_others_join() -> None:
    async with a_rig() as rig:
        await rig.send({ADD: hashes(5)})
        await rig.send({REMOVE: hashes(2), ADD: hashes(1, of="new")})

        assert rig.members() == {*hashes(5)[2:], *hashes(1, of="new")}
        assert rig.sandbox.breaches == []


async def test_every_operation_speaks_the_contract() -> None:
    async with a_rig() as rig:
        created = await rig.api.create(ACCOUNT, KEY)
        assert isinstance(created, Success)
        audience = created.value.id

        v2 = await rig.api.search_v2(ACCOUNT, name=KEY, cursor=None)
        v1 = await rig.api.search_v1(ACCOUNT, name=KEY, page=1)
        listed = await rig.api.list_audiences(page=1)
        assert isinstance(v2, Success)
        assert isinstance(v1, Success)
        assert isinstance(listed, Success)
        assert v2.value.items == v1.value.items == listed.value.items == [created.value]

        read = await rig.api.get(audience)
        activated = await rig.api.activate(audience)
        assert isinstance(read, Success)
        assert isinstance(activated, Success)
        assert read.value.id == activated.value.id == audience

        minted = await rig.api.mint(audience, UPLOAD)
        assert isinstance(minted, Success)
        assert minted.date is not None
        stored = await rig.api.store(audience, minted.value, _a_file, rows=1)
        assert isinstance(stored, Success)
        uploads = await rig.api.uploads_since(audience, minted.date.replace(year=2000))
        assert isinstance(uploads, Success)
        assert [(e.action, e.upload_type) for e in uploads.value] == [("ADD", "EMAIL_HASH")]
        assert isinstance(await rig.api.counts(audience), Success)
        assert isinstance(await rig.api.get(AudienceId(1)), NotFound)
        gone = await rig.api.uploads_since(AudienceId(1), minted.date)
        assert isinstance(gone, NotFound)
        assert rig.sandbox.breaches == []


async def test_the_requests_are_counted_by_operation_and_status() -> None:
    async with a_rig() as rig:
        await rig.send({ADD: hashes(1)})

        for operation in ("create_audience", "create_signed_url", "put_file"):
            labels = {"operation": operation, "status_class": "2xx"}
            assert rig.metric("liveintent_requests_total", **labels) == 1
        assert rig.metric("liveintent_request_duration_seconds_count", operation="put_file") == 1


async def test_a_content_type_is_sent_to_storage_only_where_it_is_set() -> None:
    headers = StoreHeaders(content_type="text/plain", extra={"x-amz-acl": "private"})
    async with a_rig(store_headers=headers) as rig:
        await rig.send({ADD: hashes(1)})

        assert {breach.kind for breach in rig.sandbox.breaches} == {BreachKind.CONTENT_TYPE_ON_PUT}


async def test_a_redirect_of_storage_is_not_followed() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(operation="store", kind=FaultKind.STATUS, status=307, times=1))

        assert await rig.send({ADD: hashes(1)}) == Finished()
        assert rig.sandbox.breaches == []


async def test_a_large_file_arrives_whole() -> None:
    async with a_rig() as rig:
        rows = hashes(50_000)

        assert await rig.send({ADD: rows}) == Finished()
        assert len(rig.members()) == 50_000
        assert rig.sandbox.breaches == []


@pytest.mark.parametrize("name_filter", ["string", "refused"])
async def test_an_audience_is_found_whether_names_can_be_filtered_or_not(name_filter: str) -> None:
    options = SandboxOptions(processing_seconds=0.05, name_filter=name_filter)
    async with a_rig(options, directory=DirectoryPolicy(auto_create=False)) as rig:
        for number in range(12):
            rig.sandbox.add_audience(f"other_{number}")
        audience = rig.sandbox.add_audience(KEY)

        assert await rig.directory.resolve(KEY) == audience


async def test_a_long_list_of_uploads_does_not_hide_ours() -> None:
    async with a_rig() as rig:
        for number in range(12):
            await rig.send({ADD: hashes(1, of=f"{number}")})

        assert len(rig.sandbox.uploads()) == 12
        assert rig.sandbox.breaches == []


async def outcome_at(url: str, *, timeouts: Timeouts | None = None) -> Answer | TransportFailure:
    async with LiveIntentClient(url, Metrics(CollectorRegistry()), timeouts=timeouts) as client:
        return await client.get_audience("token", AudienceId(1))


async def test_nobody_at_home_means_nothing_was_sent(unused_tcp_port: int) -> None:
    assert await outcome_at(f"http://127.0.0.1:{unused_tcp_port}") is TransportFailure.UNREACHABLE


async def test_an_address_that_is_none_means_nothing_was_sent() -> None:
    metrics = Metrics(CollectorRegistry())
    async with LiveIntentClient("http://127.0.0.1", metrics) as client:
        assert await client.put_file("http://[half", b"x\n") is TransportFailure.UNREACHABLE


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.RESET, TransportFailure.RESET),
        (FaultKind.DELAY_SECONDS, TransportFailure.TIMEOUT),
    ],
)
async def test_broken_and_slow_connections_are_told_apart(
    kind: FaultKind, expected: TransportFailure
) -> None:
    async with a_rig(timeouts=Timeouts(request_seconds=0.2, store_seconds=0.2)) as rig:
        rig.sandbox.faults.add(Fault(kind=kind, delay_seconds=3))

        assert await rig.client.get_audience(rig.token, AudienceId(1)) is expected
        assert await rig.client.put_file(f"{rig.sandbox.url}/_storage/file", b"x\n") is expected
        labels = {"operation": "get_audience", "status_class": expected.value}
        assert rig.metric("liveintent_requests_total", **labels) == 1


async def test_an_answer_without_end_is_cut_short() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"[" * 0x100000 + b"\r\n"
        try:
            while True:
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        answer = await outcome_at(f"http://127.0.0.1:{port}")
    finally:
        server.close()

    assert isinstance(answer, Answer)
    assert answer.status == 200


async def test_the_client_is_used_only_while_it_is_open() -> None:
    client = LiveIntentClient("http://127.0.0.1:9", Metrics(CollectorRegistry()))
    await client.close()

    with pytest.raises(RuntimeError):
        await client.get_audience("token", AudienceId(1))


async def test_no_secret_is_in_what_the_parts_print(caplog: pytest.LogCaptureFixture) -> None:
    async with a_rig() as rig:
        minted = await rig.client.create_signed_url(rig.token, AudienceId(1), UPLOAD)

        assert rig.token not in repr(minted) + repr(rig.client) + repr(rig.exchange)
        assert repr(SignedUrl("https://s/?sig=1")) == "SignedUrl()"


async def _a_file() -> bytes:
    return b"0" * 32 + b"\n"
