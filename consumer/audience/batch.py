"""What a lane sends at once: the folded changes of one audience."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Generic, TypeVar

from consumer.audience.membership import Action, AudienceKey, IdentifierType, MembershipChange

Part = TypeVar("Part")
File = tuple[Action, IdentifierType]

# REMOVE first: should the process die between two files, it is the person who left that was not forgotten.
_FILE_ORDER = [(action, kind) for action in (Action.REMOVE, Action.ADD) for kind in IdentifierType]


class Pending(Generic[Part]):
    """A change that waits or travels, with the part it belongs to."""

    __slots__ = ("change", "message_ids", "part", "rows")

    def __init__(
        self, change: MembershipChange, part: Part, *, message_ids: tuple[str, ...]
    ) -> None:
        self.change = change
        self.part = part
        # The message that brought it and those it superseded: none of them may count as news again.
        self.message_ids = message_ids
        self.rows = 0


class AudienceBatch(Generic[Part]):
    """The changes of one flush. Fixed, but for those released because their partition was taken away."""

    def __init__(
        self,
        audience: AudienceKey,
        by_value: dict[str, Pending[Part]],
        *,
        waiting_since: float,
        taken_at: float,
    ) -> None:
        self.audience = audience
        self.waiting_since = waiting_since
        self.taken_at = taken_at
        self._by_value = by_value
        self._rows: dict[File, list[str]] | None = None

    def __len__(self) -> int:
        """Identifier values in the batch, without the released ones."""
        return len(self._by_value)

    def pending(self, value: str) -> Pending[Part] | None:
        """The change that travels for this identifier value, unless it was released."""
        return self._by_value.get(value)

    def files(self) -> list[File]:
        """The files to send, in order; none is empty at this moment."""
        rows = self._rows_by_file()
        return [file for file in _FILE_ORDER if file in rows]

    def rows(self, action: Action, identifier_type: IdentifierType) -> Sequence[str]:
        """The identifier values of one file, as of now. Ask again rather than keep them: what is released meanwhile stays in memory."""
        return self._rows_by_file().get((action, identifier_type), ())

    def _rows_by_file(self) -> Mapping[File, Sequence[str]]:
        # Each file asks several times: sorted once, until something is released.
        if self._rows is None:
            rows: dict[File, list[str]] = defaultdict(list)
            for value, pending in self._by_value.items():
                rows[pending.change.action, pending.change.identifier.type].append(value)
            self._rows = rows
        return self._rows

    def live(self) -> Iterator[tuple[Pending[Part], tuple[str, ...]]]:
        """Each change once, with the identifier values it stands for here, without the released ones."""
        # The values of a change stand together: a lane takes them in all at once.
        for pending, items in groupby(self._by_value.items(), key=_pending_of):
            yield pending, tuple(value for value, _ in items)

    def parts(self) -> list[Part]:
        """The part of every change that was not released, once each."""
        return [pending.part for pending, _ in self.live()]

    def carries(self, belongs: Callable[[Part], bool]) -> bool:
        """Whether any change that was not released has a part that `belongs` picks."""
        return any(belongs(pending.part) for pending in self._by_value.values())

    def release(self, belongs: Callable[[Part], bool]) -> None:
        """Leave the changes whose parts `belongs` picks out of every file that is still to be made.

        They are forgotten, memory and all: the budget does not count them any more.
        """
        self._by_value = {
            value: pending for value, pending in self._by_value.items() if not belongs(pending.part)
        }
        self._rows = None

    def divided(self, rows: Collection[str]) -> tuple["AudienceBatch[Part]", "AudienceBatch[Part]"]:
        """Two batches: the changes all of whose identifier values are in `rows`, and the others."""
        left = {id(pending) for value, pending in self._by_value.items() if value not in rows}
        return (
            self._with(lambda pending: id(pending) not in left),
            self._with(lambda pending: id(pending) in left),
        )

    def _with(self, chosen: Callable[[Pending[Part]], bool]) -> "AudienceBatch[Part]":
        by_value = {value: each for value, each in self._by_value.items() if chosen(each)}
        return AudienceBatch(
            self.audience, by_value, waiting_since=self.waiting_since, taken_at=self.taken_at
        )


def _pending_of(item: tuple[str, Pending[Part]]) -> Pending[Part]:
    return item[1]
