"""Which of several audiences of one name is used, by every replica alike."""

from collections.abc import Sequence

import structlog

from consumer.audience.membership import AudienceKey
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

ACTIVE = "Active"
ARCHIVED = "Archived"
DELETED = "Deleted"


def usable_rows(rows: Sequence[AudienceRow]) -> list[AudienceRow]:
    """The Active ones; without any, those whose status is a word we do not know: rather that than a second audience."""
    active = [row for row in rows if row.status == ACTIVE]
    return active or [row for row in rows if row.status not in {ARCHIVED, DELETED}]


def precedence(row: AudienceRow) -> tuple[object, ...]:
    """Sort key: of several audiences of one name the earliest created is used, then the lowest id, by every replica."""
    return (row.created_at, row.id)


def warn_of_another_name(key: AudienceKey, row: AudienceRow, *, expected: str) -> None:
    """Say that an audience that is set by its id has another name: renamed, or not the one that was meant."""
    if row.name != expected:
        log.warning(
            "An audience that is set by its id has another name at LiveIntent; it is used.",
            audience=key,
            audience_id=row.id,
            name=row.name,
            expected_name=expected,
        )


class NameConflicts:
    """The names that several usable audiences share: counted while they do, and told once."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._conflicts: dict[AudienceKey, tuple[AudienceId, ...]] = {}

    def __contains__(self, key: AudienceKey) -> bool:
        return key in self._conflicts

    def note(self, key: AudienceKey, usable: Sequence[AudienceRow]) -> None:
        """These are all usable audiences of the name now."""
        ids = tuple(sorted(row.id for row in usable))
        if len(ids) < 2:
            self._conflicts.pop(key, None)
        elif self._conflicts.get(key) != ids:
            self._conflicts[key] = ids
            used = min(usable, key=precedence)
            log.error(
                "Several active audiences have one name; the earliest is used. Archive the others.",
                audience=key,
                used_id=used.id,
                other_ids=[other for other in ids if other != used.id],
            )
        self._metrics.audience_conflicts.set(len(self._conflicts))
