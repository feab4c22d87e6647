"""What would become of an audience, without doing any of it: `AudienceDirectory`'s rule, foretold. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from consumer.choices import OnArchived, OnDeleted
from consumer.liveintent.audience_choice import ARCHIVED, precedence, usable_rows
from consumer.liveintent.policies import DirectoryPolicy
from consumer.liveintent.shapes import AudienceId, AudienceRow


class Prospect(StrEnum):
    """What the service would do with the audience."""

    USE = "use"
    CREATE = "create"
    ACTIVATE = "activate"
    REFUSE_ARCHIVED = "refuse_archived"
    REFUSE_DELETED = "refuse_deleted"
    REFUSE_ABSENT = "refuse_absent"


@dataclass(frozen=True, slots=True)
class Foretold:
    """The prospect, with the audience it is about (None: none) and the other usable ones of the same name."""

    prospect: Prospect
    audience: AudienceId | None = None
    others: tuple[AudienceId, ...] = ()


def foretell(rows: Sequence[AudienceRow], policy: DirectoryPolicy) -> Foretold:
    """What the service would do, given every audience of one name."""
    if usable := sorted(usable_rows(rows), key=precedence):
        first, *others = usable
        return Foretold(Prospect.USE, first.id, tuple(row.id for row in others))
    if archived := [row for row in rows if row.status == ARCHIVED]:
        first = min(archived, key=precedence)
        refuses = policy.on_archived is OnArchived.FAIL
        return Foretold(Prospect.REFUSE_ARCHIVED if refuses else Prospect.ACTIVATE, first.id)
    if rows and policy.on_deleted is OnDeleted.FAIL:
        return Foretold(Prospect.REFUSE_DELETED)
    return Foretold(Prospect.CREATE if policy.auto_create else Prospect.REFUSE_ABSENT)
