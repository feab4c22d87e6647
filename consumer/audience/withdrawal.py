"""That a person must leave every audience: a deletion, or consent taken back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from consumer.audience.membership import (
    Action,
    AudienceKey,
    Identifier,
    IdentifierType,
    MembershipChange,
    Version,
)


class WithdrawalCause(StrEnum):
    """Why a person leaves every audience."""

    DELETION = "deletion"
    """Segment asks to erase the user."""
    CONSENT = "consent"
    """The person took back the consent that one of our categories needs."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What one event asks for. It names identifiers, never a user id: those are all that LiveIntent knows people by."""

    cause: WithdrawalCause
    identifiers: tuple[Identifier, ...]
    """An email with every hash of it, and device ids. Empty when the event shows nothing to find the person by."""
    version: Version
    message_id: str

    @property
    def email_hashes(self) -> tuple[str, ...]:
        """Every hash of the person's email that the event shows."""
        return tuple(
            value
            for each in self.identifiers
            if each.type is IdentifierType.EMAIL_HASH
            for value in each.values
        )

    def removals(self, audiences: Iterable[AudienceKey]) -> Iterator[MembershipChange]:
        """A REMOVE of each identifier from each of these audiences."""
        for audience in audiences:
            for identifier in self.identifiers:
                yield MembershipChange(
                    audience, Action.REMOVE, identifier, self.version, self.message_id
                )


@dataclass(frozen=True, slots=True)
class Removals:
    """The REMOVEs of some people from some audiences: each is made when it is asked for, as they may be very many."""

    withdrawals: tuple[Withdrawal, ...] = ()
    audiences: tuple[AudienceKey, ...] = ()

    def __len__(self) -> int:
        """How many they are."""
        return len(self.audiences) * sum(len(each.identifiers) for each in self.withdrawals)

    def __iter__(self) -> Iterator[MembershipChange]:
        """Person by person."""
        for each in self.withdrawals:
            yield from each.removals(self.audiences)
