"""What LiveIntent's Privacy API is asked, as its published OpenAPI writes it: one person in each request.

`callback`, ACCESS requests and everything that reads requests back are for LiveIntent's internal use, and not here.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from consumer.audience.withdrawal import Withdrawal, WithdrawalCause
from consumer.choices import PrivacyEntity, PrivacyJurisdiction, PrivacyRequests
from consumer.liveintent.shapes import UnexpectedShape

_TRANSACTION_ID = re.compile(r"[!-~]{1,100}")


class PrivacyAction(StrEnum):
    """What is to be done with a person's data, in the Privacy API's words. Neither can be taken back there."""

    ERASURE = "ERASURE"
    RESTRICT = "RESTRICT"
    """Opted out of sale and sharing."""


_ACTIONS: Mapping[WithdrawalCause, tuple[PrivacyRequests, PrivacyAction]] = {
    WithdrawalCause.DELETION: (PrivacyRequests.ERASE, PrivacyAction.ERASURE),
    WithdrawalCause.CONSENT: (PrivacyRequests.RESTRICT, PrivacyAction.RESTRICT),
}


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """One request about one person."""

    action: PrivacyAction
    email_hashes: tuple[str, ...] = field(repr=False)
    """Of that one person, in lower case, each once, at least one."""
    request_id: str
    """Ours: the place of its event in Kafka, the same each time the event is read."""


@dataclass(frozen=True, slots=True)
class PrivacyScope:
    """Whose data it is about. `id` is LiveIntent's number for it; a global scope has none."""

    entity: PrivacyEntity
    id: int | None = None

    @classmethod
    def of(cls, text: str) -> "PrivacyScope":
        """The scope written as `advertiser:123`, or `global`."""
        entity, _, number = text.partition(":")
        return cls(PrivacyEntity(entity), int(number) if number else None)


@dataclass(frozen=True, slots=True)
class PrivacyTerms:
    """What every request says besides its person. Without a scope it is presumably the token's own account."""

    scope: PrivacyScope | None = None
    jurisdiction: PrivacyJurisdiction | None = None


def requested_action(
    cause: WithdrawalCause, asked_for: Collection[PrivacyRequests]
) -> PrivacyAction | None:
    """What is asked for a person who leaves for this cause, None when nothing is."""
    kind, action = _ACTIONS[cause]
    return action if kind in asked_for else None


def request_of(withdrawal: Withdrawal, action: PrivacyAction) -> PrivacyRequest | None:
    """The request for this person, None when no email is known: the Privacy API knows people by nothing else of ours."""
    hashes = tuple(dict.fromkeys(withdrawal.email_hashes))
    if not hashes:
        return None
    version = withdrawal.version
    place = f":{version.position}" if version.position else ""
    return PrivacyRequest(action, hashes, f"{version.source}-{version.offset}{place}")


def body_of(request: PrivacyRequest, terms: PrivacyTerms) -> dict[str, object]:
    """The body of POST /data-subject-requests, and of its test. `submitter` is only logged by LiveIntent."""
    body: dict[str, object] = {
        "action": request.action.value,
        "emailHashes": list(request.email_hashes),
        "submitter": f"segment-liveintent {request.request_id}",
    }
    if terms.jurisdiction is not None:
        body["jurisdiction"] = terms.jurisdiction.value
    if terms.scope is not None:
        body["scope"] = _scope(terms.scope)
    return body


def read_transaction_id(body: object) -> str:
    """LiveIntent's number for an accepted request: all there is to prove it by."""
    transaction_id = body.get("transactionId") if isinstance(body, Mapping) else None
    if not isinstance(transaction_id, str) or not _TRANSACTION_ID.fullmatch(transaction_id):
        raise UnexpectedShape("transactionId", "a short text")
    return transaction_id


def _scope(scope: PrivacyScope) -> dict[str, object]:
    """Flat, with its kind under `entity_type`; only LiveIntent's answers wrap it."""
    document: dict[str, object] = {"entity_type": scope.entity.value}
    if scope.id is not None:
        document["id"] = scope.id
    return document
