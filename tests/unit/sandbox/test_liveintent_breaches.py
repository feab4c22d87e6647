"""Breaches: what the stand-in notes when a client does against the contract."""

import pytest

from consumer.sandbox.liveintent_server import Breach, BreachKind, Fault, FaultKind
from tests.unit.sandbox.liveintent_caller import (
    HASH_A,
    HASH_B,
    TOKEN,
    Caller,
    Clock,
    with_options,
)


def kinds(caller: Caller) -> list[BreachKind]:
    return [breach.kind for breach in caller.sandbox.breaches]


async def test_a_faithful_client_commits_none(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A)
    await caller.upload(audience_id, HASH_A, action="REMOVE")
    await caller.listed(audience_id)

    assert caller.sandbox.breaches == []


async def test_the_token_must_not_go_to_storage(caller: Caller) -> None:
    url = await caller.mint(await caller.create("vip"))
    headers = {"Content-Length": str(len(HASH_A)), "Authorization": f"Bearer {TOKEN}"}
    reply = await caller.put(url, HASH_A.encode(), headers=headers)

    assert reply.status == 400
    assert caller.sandbox.breaches == [Breach(BreachKind.AUTHORIZATION_SENT_TO_STORAGE, "PUT")]
    assert caller.sandbox.uploads() == []


async def test_a_file_must_not_be_sent_in_chunks(caller: Caller) -> None:
    url = await caller.mint(await caller.create("vip"))

    assert (await caller.put(url, HASH_A.encode(), headers={})).status == 411
    assert kinds(caller) == [BreachKind.CHUNKED_PUT]
    assert caller.sandbox.uploads() == []


async def test_a_breach_of_storage_is_noted_although_a_fault_answers(caller: Caller) -> None:
    url = await caller.mint(await caller.create("vip"))
    caller.sandbox.faults.add(Fault(operation="store", kind=FaultKind.STATUS))

    assert (await caller.put(url, HASH_A.encode(), headers={})).status == 503
    assert kinds(caller) == [BreachKind.CHUNKED_PUT]


async def put_with_content_type(caller: Caller) -> int:
    url = await caller.mint(await caller.create("vip"))
    headers = {"Content-Length": str(len(HASH_A)), "Content-Type": "text/plain"}
    return (await caller.put(url, HASH_A.encode(), headers=headers)).status


async def test_a_content_type_is_no_breach_unless_the_options_say_so(caller: Caller) -> None:
    assert await put_with_content_type(caller) == 200
    assert caller.sandbox.breaches == []


@with_options(content_type_is_breach=True)
async def test_a_content_type_is_noted_when_the_options_say_so(caller: Caller) -> None:
    assert await put_with_content_type(caller) == 200
    assert caller.sandbox.breaches == [Breach(BreachKind.CONTENT_TYPE_ON_PUT, "text/plain")]


async def test_a_signed_url_is_good_for_one_file(caller: Caller) -> None:
    url = await caller.mint(await caller.create("vip"))

    statuses = [(await caller.put(url, HASH_A.encode())).status for _ in range(2)]
    assert statuses == [200, 403]
    assert kinds(caller) == [BreachKind.SIGNED_URL_USED_TWICE]
    assert len(caller.sandbox.uploads()) == 1


async def test_a_redirect_of_storage_must_not_be_followed(caller: Caller) -> None:
    reply = await caller.put(f"{caller.sandbox.url}/_storage/elsewhere", HASH_A.encode())

    assert reply.status == 403
    assert kinds(caller) == [BreachKind.REDIRECT_FOLLOWED]


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"action": "REPLACE"}, BreachKind.UNKNOWN_ACTION),
        ({"action": "add"}, BreachKind.UNKNOWN_ACTION),
        ({"identifierType": "PHONE"}, BreachKind.UNKNOWN_IDENTIFIER_TYPE),
        ({"identifierType": "email_hash"}, BreachKind.UNKNOWN_IDENTIFIER_TYPE),
    ],
)
async def test_an_action_or_identifier_type_must_be_a_known_one(
    caller: Caller, wrong: dict[str, str], kind: BreachKind
) -> None:
    path = f"/audiences/{await caller.create('vip')}/signed-urls"
    body = {"action": "ADD", "identifierType": "EMAIL_HASH"} | wrong

    assert (await caller.call("POST", path, body)).status == 400
    assert caller.sandbox.breaches == [Breach(kind, "audience vip")]


@pytest.mark.parametrize("wrong", [{"action": None}, {"identifierType": 5}, {"uploadName": 5}])
async def test_a_mint_of_the_wrong_types_is_400_and_no_breach(
    caller: Caller, wrong: dict[str, object]
) -> None:
    path = f"/audiences/{await caller.create('vip')}/signed-urls"
    body = {"action": "ADD", "identifierType": "EMAIL_HASH"} | wrong

    assert (await caller.call("POST", path, body)).status == 400
    assert caller.sandbox.breaches == []


async def test_an_empty_file_must_not_be_sent(caller: Caller) -> None:
    assert (await caller.upload(await caller.create("vip"))).status == 200

    assert caller.sandbox.breaches == [
        Breach(BreachKind.EMPTY_FILE, "audience vip, ADD EMAIL_HASH")
    ]


async def test_rows_must_be_identifiers_and_are_counted_not_shown(caller: Caller) -> None:
    await caller.upload(await caller.create("vip"), HASH_A, "header", "header")

    assert caller.sandbox.breaches == [
        Breach(BreachKind.INVALID_ROW, "audience vip, ADD EMAIL_HASH, 2 of 3 rows")
    ]
    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_A}}


async def test_a_raw_email_must_not_be_sent_and_is_not_shown(caller: Caller) -> None:
    await caller.upload(await caller.create("vip"), HASH_A, "someone@example.com")

    assert kinds(caller) == [BreachKind.RAW_EMAIL, BreachKind.INVALID_ROW]
    assert "someone" not in repr(caller.sandbox.breaches)
    assert caller.sandbox.members("vip") == {"EMAIL_HASH": {HASH_A}}


@with_options(processing_seconds=10.0)
async def test_two_unfinished_uploads_of_one_audience_are_noted(
    caller: Caller, clock: Clock
) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A)
    await caller.upload(audience_id, HASH_A)
    clock.advance(10.0)
    await caller.upload(audience_id, HASH_B)

    detail = "audience vip, ADD EMAIL_HASH while ADD EMAIL_HASH"
    assert caller.sandbox.breaches == [Breach(BreachKind.TWO_UNFINISHED_UPLOADS, detail)]


@with_options(processing_seconds=10.0)
async def test_an_identifier_on_its_way_in_and_out_at_once_is_noted(caller: Caller) -> None:
    audience_id = await caller.create("vip")
    await caller.upload(audience_id, HASH_A, HASH_B)
    await caller.upload(audience_id, HASH_A, action="REMOVE")

    where = "audience vip, REMOVE EMAIL_HASH while ADD EMAIL_HASH"
    assert caller.sandbox.breaches == [
        Breach(BreachKind.TWO_UNFINISHED_UPLOADS, where),
        Breach(BreachKind.ADD_AND_REMOVE_UNFINISHED, f"{where}, 1 identifiers"),
    ]


async def test_a_name_that_exists_must_not_be_created(caller: Caller) -> None:
    caller.sandbox.add_audience("vip", status="Archived")
    caller.sandbox.add_audience("other", account_id=7002)
    await caller.create("other")
    assert caller.sandbox.breaches == []

    await caller.create("vip")
    assert caller.sandbox.breaches == [Breach(BreachKind.NAME_CREATED_TWICE, "audience vip")]


@with_options(max_requests_per_second=2)
async def test_too_many_requests_within_a_second_are_noted(caller: Caller, clock: Clock) -> None:
    for _ in range(4):
        await caller.found()
        clock.advance(0.5)
    assert caller.sandbox.breaches == []

    await caller.found()
    await caller.found()
    assert caller.sandbox.breaches == [Breach(BreachKind.TOO_MANY_REQUESTS, "3 within one second")]


@with_options(max_requests_per_second=1)
async def test_storage_is_another_host_and_has_no_such_limit(caller: Caller, clock: Clock) -> None:
    audience_id = await caller.create("vip")
    clock.advance(1.0)
    url = await caller.mint(audience_id)
    await caller.put(url, HASH_A.encode())

    assert caller.sandbox.breaches == []
