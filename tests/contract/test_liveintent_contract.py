"""Everything our client sends and the stand-in answers, held against what LiveIntent publishes, both ways on the wire.

Against our own description of its APIs always; against LiveIntent's documents where a copy of them is, with their
known defects mended, each by name.
"""

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.contract.json_shapes import Schema
from tests.contract.liveintent_described import INTERNAL
from tests.contract.liveintent_openapi import (
    FOLDER,
    Defect,
    corrected,
    differences,
    published,
)
from tests.contract.liveintent_walking import Sent, TracedClient, Walked, altered
from tests.contract.liveintent_walks import WALKS
from tests.contract.openapi import Contract, Exchange

STORAGE = "/_storage/file"

each_api = pytest.mark.parametrize("walked", WALKS, ids=str)
each_defect = pytest.mark.parametrize(
    ("walked", "defect"),
    [(walked, defect) for walked in WALKS for defect in walked.defects],
    ids=str,
)


@pytest.fixture
def document(walked: Walked, capsys: pytest.CaptureFixture[str]) -> Schema | None:
    """LiveIntent's own document; None, said aloud, where there is no copy of it."""
    document = published(walked.file)
    if document is None:
        with capsys.disabled():
            print(
                f"\nNot compared with what LiveIntent publishes of its API for {walked}: there is no {walked.file} "
                f"beside the checkout, nor where {FOLDER} points. Compared with our own description alone."
            )
    return document


@pytest.fixture
def contracts(walked: Walked, document: Schema | None) -> list[Contract]:
    """What an exchange of this API is held against: our description, and theirs without its defects."""
    ours = Contract(walked.described)
    return [ours] if document is None else [ours, Contract(corrected(document, walked.defects))]


def of_the_api(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Without the PUT of a file: storage is in no document."""
    return [exchange for exchange in exchanges if exchange.path != STORAGE]


def wrong_requests(contract: Contract, exchanges: Sequence[Exchange]) -> list[str]:
    return [
        f"{exchange.verb} {exchange.target}: {problem}"
        for exchange in of_the_api(exchanges)
        for problem in contract.problems_of_request(exchange)
    ]


def wrong_answers(contract: Contract, exchanges: Sequence[Exchange]) -> list[str]:
    return [
        f"{exchange.verb} {exchange.target} {exchange.status}: {problem}"
        for exchange in of_the_api(exchanges)
        for problem in contract.problems_of_answer(exchange)
    ]


@each_api
async def test_every_kind_of_request_our_client_makes_is_declared(
    walked: Walked, contracts: list[Contract]
) -> None:
    sent = await walked.send()

    assert of_the_api(sent.exchanges)
    for contract in contracts:
        assert wrong_requests(contract, sent.exchanges) == []
        assert wrong_answers(contract, sent.exchanges) == []


async def test_the_walks_make_every_request_the_client_has_a_method_for() -> None:
    sent = [await walked.send() for walked in WALKS]

    assert frozenset().union(*(each.methods for each in sent)) == TracedClient.requests


@each_api
async def test_every_answer_of_the_stand_in_is_declared(
    walked: Walked, contracts: list[Contract]
) -> None:
    exchanges = await walked.answer()

    assert exchanges
    for contract in contracts:
        assert wrong_answers(contract, exchanges) == []


@each_api
async def test_the_walks_meet_every_operation_we_describe_and_every_status(walked: Walked) -> None:
    contract = Contract(walked.described)
    sent, answered = await walked.send(), await walked.answer()

    by_client = Counter(operation_of(contract, exchange) for exchange in of_the_api(sent.exchanges))
    by_sandbox = {
        (*operation_of(contract, exchange), str(exchange.status)) for exchange in answered
    }
    declared = {
        (verb, path, status)
        for verb, path in contract.operations()
        for status in contract.document["paths"][path][verb.lower()]["responses"]
    }
    for_us = {
        (verb, path)
        for verb, path in contract.operations()
        if INTERNAL not in contract.document["paths"][path][verb.lower()]
    }
    assert set(by_client) == for_us
    assert declared - by_sandbox == set()
    assert by_sandbox - declared == set()


def operation_of(contract: Contract, exchange: Exchange) -> tuple[str, str]:
    operation = contract.operation(exchange)
    assert operation is not None
    return operation.verb, operation.template


@each_api
def test_our_description_says_what_liveintent_publishes(
    walked: Walked, contracts: list[Contract]
) -> None:
    for contract in contracts:
        assert list(differences(walked.described, contract.document)) == []


@each_defect
async def test_a_defect_on_the_list_is_still_one(
    walked: Walked, defect: Defect, document: Schema | None
) -> None:
    if document is None:
        return
    others = tuple(each for each in walked.defects if each is not defect)
    contract = Contract(corrected(document, others))
    sent, answered = await walked.send(), await walked.answer()

    wrong = wrong_requests(contract, sent.exchanges) + wrong_answers(contract, answered)
    assert wrong, f"nothing depends on mending this: {defect.why}"


# The checks themselves see what is wrong


@pytest.fixture
async def sent() -> Sent:
    return await WALKS[0].send()


@pytest.fixture
def audiences() -> Contract:
    return Contract(WALKS[0].described)


def the_first(sent: Sent, verb: str, ending: str) -> Exchange:
    return next(
        exchange
        for exchange in sent.exchanges
        if exchange.verb == verb and exchange.path.endswith(ending)
    )


def with_body(exchange: Exchange, **changes: object) -> Exchange:
    return altered(exchange, body=json.dumps({**json.loads(exchange.body), **changes}).encode())


async def test_a_request_that_departs_from_the_contract_is_seen(
    sent: Sent, audiences: Contract
) -> None:
    mint, uploads = the_first(sent, "POST", "signed-urls"), the_first(sent, "GET", "uploads")
    search = the_first(sent, "POST", "v2")
    without_token = [each for each in mint.headers if each[0] != "authorization"]

    for departed in (
        altered(mint, target="/audiences/5/signed-url"),
        altered(mint, target="/audiences/x/signed-urls"),
        altered(mint, verb="PUT"),
        altered(mint, headers=without_token),
        altered(mint, body=b"{"),
        altered(mint, body=b"{}"),
        with_body(mint, action=None),
        with_body(mint, rows=3),
        altered(uploads, target=uploads.target + "&sort=newest"),
        altered(uploads, target=uploads.target + "&page=2"),
        altered(uploads, target=uploads.path + "?page=first"),
        altered(uploads, body=b"{}"),
        with_body(search, matches={"nameMatches": {"value": {"eq": {"value": 5}}}}),
        with_body(search, matches={}),
        with_body(search, pageSize=2**31),
    ):
        assert list(audiences.problems_of_request(departed)), departed.target


async def test_an_answer_that_departs_from_the_contract_is_seen(
    sent: Sent, audiences: Contract
) -> None:
    listings = (each for each in sent.exchanges if each.path.endswith("/uploads"))
    uploads = max(listings, key=lambda each: len(each.answer_body))

    for departed in (
        altered(uploads, target="/uploads"),
        altered(uploads, status=418),
        altered(uploads, answer_headers={"content-type": "text/plain"}),
        altered(uploads, answer_body=b""),
        altered(uploads, answer_body=uploads.answer_body.replace(b"Z", b"")),
        altered(uploads, answer_body=uploads.answer_body.replace(b"Finished", b"Paused")),
        altered(uploads, answer_body=uploads.answer_body.replace(b"totalCount", b"count")),
    ):
        assert list(audiences.problems_of_answer(departed))


@each_api
def test_a_description_that_departs_from_what_is_published_is_seen(walked: Walked) -> None:
    text = json.dumps(walked.described)
    for ours, other in (
        ("accountId", "account"),
        ('"type": "string"', '"type": "integer"'),
        ("int64", "int32"),
        ("/audiences", "/segments"),
    ):
        departed: Schema = json.loads(text.replace(ours, other))

        assert list(differences(departed, walked.described)) or ours not in text


# The one request that is in no document


async def test_a_file_goes_to_storage_with_its_length_and_nothing_that_would_break_a_signature(
    sent: Sent,
) -> None:
    files = [exchange for exchange in sent.exchanges if exchange.path == STORAGE]

    assert len(files) == 3
    for file in files:
        names = {name for name, _ in file.headers}
        assert file.verb == "PUT"
        assert file.header("content-length") == str(len(file.body))
        assert names.isdisjoint({"authorization", "content-type", "cookie", "transfer-encoding"})
        assert file.body.endswith(b"\n")


async def test_the_api_gets_our_token_and_no_cookie(sent: Sent) -> None:
    for exchange in of_the_api(sent.exchanges):
        assert exchange.header("authorization") is not None
        assert exchange.header("cookie") is None
