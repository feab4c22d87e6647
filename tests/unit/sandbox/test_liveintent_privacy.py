"""The stand-in's Privacy API: what it takes, what it refuses, and what it notes."""

from collections.abc import Mapping
from typing import Any

import pytest

from consumer.sandbox.faults import Fault, FaultKind
from consumer.sandbox.liveintent_privacy import PrivacyBreach
from consumer.sandbox.liveintent_server import LiveIntentSandbox
from tests.segment_events import hashes_of
from tests.unit.sandbox.liveintent_caller import Caller

HASHES = list(hashes_of("ana@example.com"))
REQUEST: Mapping[str, object] = {"action": "ERASURE", "emailHashes": HASHES}
OURS = "/data-subject-requests"
UNSET: str = "unset"


class Asker:
    """Speaks to the stand-in as a partner does."""

    def __init__(self, caller: Caller, sandbox: LiveIntentSandbox) -> None:
        self._session = caller.session
        self._sandbox = sandbox

    async def __call__(
        self,
        body: object = REQUEST,
        *,
        path: str = OURS,
        method: str = "POST",
        token: str | None = UNSET,
    ) -> tuple[int, Any]:
        token = self._sandbox.privacy.token if token == UNSET else token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self._sandbox.url}{path}"
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
def ask(caller: Caller, sandbox: LiveIntentSandbox) -> Asker:
    return Asker(caller, sandbox)


async def test_a_request_is_accepted_under_a_number_and_kept(
    ask: Asker, sandbox: LiveIntentSandbox
) -> None:
    scope = {"entity_type": "advertiser", "id": 12}
    status, answer = await ask({**REQUEST, "scope": scope, "jurisdiction": "US_PRIVACY"})

    (request,) = sandbox.privacy.requests
    assert (status, answer) == (202, {"transactionId": request.transaction_id})
    assert (request.action, list(request.email_hashes)) == ("ERASURE", HASHES)
    assert (request.scope, request.jurisdiction) == (scope, "US_PRIVACY")
    assert HASHES[0] not in repr(request)


async def test_the_same_request_again_is_another_one(
    ask: Asker, sandbox: LiveIntentSandbox
) -> None:
    numbers = {(await ask())[1]["transactionId"] for _ in range(2)}

    assert len(numbers) == 2
    assert sandbox.privacy.summary()["requests"] == {"ERASURE": 2}


async def test_a_rehearsal_is_answered_alike_and_not_kept(
    ask: Asker, sandbox: LiveIntentSandbox
) -> None:
    status, answer = await ask(path=f"{OURS}/test")

    assert status == 202
    assert list(answer) == ["transactionId"]
    assert (len(sandbox.privacy.requests), sandbox.privacy.rehearsals) == (0, 1)


@pytest.mark.parametrize("path", [OURS, f"{OURS}/test"])
@pytest.mark.parametrize(("token", "status"), [(None, 401), ("wrong", 403)])
async def test_a_missing_token_and_a_wrong_one_are_told_apart(
    ask: Asker, path: str, token: str | None, status: int
) -> None:
    answered, error = await ask(path=path, token=token)

    assert answered == error["httpStatus"] == status


@pytest.mark.parametrize(
    "change",
    [
        {"action": None},
        {"action": "erasure"},
        {"emailHashes": []},
        {"emailHashes": "x"},
        {"emailHashes": ["ana@example.com"]},
        {"emailHashes": [HASHES[0].upper()]},
        {"emailHashes": [HASHES[0], HASHES[0]]},
        {"emailHashes": [7]},
        {"jurisdiction": "CCPA"},
        {"submitter": 5},
        {"scope": {"Advertiser": {"id": 12}}},
        {"scope": {"entity_type": "advertiser"}},
        {"scope": {"entity_type": "advertiser", "id": True}},
        {"scope": {"entity_type": "planet", "id": 1}},
    ],
)
async def test_a_body_that_means_nothing_is_refused(
    ask: Asker, sandbox: LiveIntentSandbox, change: Mapping[str, object]
) -> None:
    status, _ = await ask({**REQUEST, **change})

    assert status == 400
    assert not sandbox.privacy.requests


async def test_a_person_may_be_named_by_cookies_and_the_scope_be_global(ask: Asker) -> None:
    body = {"action": "RESTRICT", "liveIntentFpcs": ["d--1"], "scope": {"entity_type": "global"}}

    assert (await ask(body))[0] == 202


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", OURS, {**REQUEST, "action": "ACCESS"}),
        ("POST", OURS, {**REQUEST, "callback": "https://shop.example/done"}),
        ("GET", f"{OURS}/t-1", None),
        ("GET", "/data-subject-report/t-1", None),
        ("POST", "/search/data-subject-requests", {}),
    ],
)
async def test_what_is_for_liveintents_own_use_is_refused_and_noted(
    ask: Asker, sandbox: LiveIntentSandbox, method: str, path: str, body: object
) -> None:
    status, _ = await ask(body, path=path, method=method)

    assert status == 403
    assert sandbox.privacy.breaches == {PrivacyBreach.INTERNAL_ONLY: 1}


async def test_an_email_in_the_submitter_and_an_unknown_field_are_noted(
    ask: Asker, sandbox: LiveIntentSandbox
) -> None:
    await ask({**REQUEST, "submitter": "ana@example.com", "reason": "gdpr"})

    assert sandbox.privacy.breaches == {
        PrivacyBreach.EMAIL_IN_SUBMITTER: 1,
        PrivacyBreach.UNKNOWN_FIELD: 1,
    }


async def test_faults_can_be_switched_on_for_requests_alone(
    ask: Asker, sandbox: LiveIntentSandbox
) -> None:
    sandbox.faults.add(Fault(operation="privacy", kind=FaultKind.STATUS, status=503, times=1))
    statuses = [(await ask(path=path))[0] for path in (f"{OURS}/test", OURS, OURS)]

    assert statuses == [202, 503, 202]
    assert sandbox.privacy.summary()["statuses"] == {"202": 2, "503": 1}


async def test_other_processes_are_told_numbers_and_no_person(ask: Asker, caller: Caller) -> None:
    await ask()
    await ask(path=f"{OURS}/test")

    assert (await caller.call("GET", "/_sandbox/privacy")).document == {
        "requests": {"ERASURE": 1},
        "rehearsals": 1,
        "statuses": {"202": 2},
        "breaches": {},
    }
