"""What the customer decided about audiences."""

from dataclasses import dataclass

from consumer.audience.membership import AUDIENCE_NAME_MAX, AudienceKey, IdentifierType
from consumer.choices import EmailHash, OnDeletion
from consumer.segment.addressing import DESTINATION


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipPolicy:
    """The settings that membership depends on, as plain values."""

    audiences: frozenset[AudienceKey]
    """The audiences to serve, by their keys, compared exactly."""
    every_audience: bool
    """Serve every Engage audience and journey step, listed or not."""
    name_prefix: str = ""
    """What stands before a key in its audience's name at LiveIntent."""
    name_max: int = AUDIENCE_NAME_MAX
    """Most characters in that name."""
    integration_names: frozenset[str] = frozenset({DESTINATION, "Kafka"})
    """The names in `integrations` that mean us."""
    consent_categories: frozenset[str] = frozenset()
    """The consent categories a person must have agreed to, all of them, to be added. None: not enforced."""
    string_booleans: bool = False
    """Take the texts "true" and "false" for booleans."""
    valueless_journey_steps: bool = False
    """Take a journey step without a value for an entry. Such journeys know no exit."""
    email_hashes: tuple[EmailHash, ...] = tuple(EmailHash)
    """The hashes made of an email. Removals need the same ones as additions."""
    identifier_types: frozenset[IdentifierType] = frozenset(IdentifierType)
    """The kinds of identifiers that are sent, to add and to remove alike."""
    removes_old_email: bool = True
    """Remove the address that a call shows to have been a person's before this one."""
    on_deletion: OnDeletion = OnDeletion.STRICT
    """What becomes of Segment's deletions."""
    skew_seconds: int = 300
    """How far an event may be dated after Segment received it."""
