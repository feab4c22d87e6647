"""What a lane sends at once: the folded changes of one audience."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from consumer.audience.membership import Action, AudienceKey, IdentifierType, MembershipChange

Part = TypeVar("Part")
File = tuple[Action, IdentifierType]

# REMOVE first: should the process die between two files, it is the person who left that was not forgotten.
_FILE_ORDER = [(action, kind) for action in (Action.REMOVE, Action.ADD) for kind in IdentifierType]


class Pending(Generic[Part]):
    """A change that waits or travels, with the part it belongs to."""

    __slots__ = ("change", "message_ids", "part", "released", "rows")

    def __init__(
        self, change: MembershipChange, part: Part, *, message_ids: tuple[str, ...]
    ) -> None:
        self.change = change
        self.part = part
        # The message that brought it and those it superseded: none of them may count as news again.
        self.message_ids = message_ids
        self.rows = 0
        self.released = False


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

    def __len__(self) -> int:
        """Identifier values in the batch, released ones included."""
        return len(self._by_value)

    def pending(self, value: str) -> Pending[Part] | None:
        """The change that travels for this identifier value, unless it was released."""
        pending = self._by_value.get(value)
        return None if pending is None or pending.released else pending

    def files(self) -> list[File]:
        """The files to send, in order; none is empty at this moment."""
        present = {
            (p.change.action, p.change.identifier.type)
            for p in self._by_value.values()
            if not p.released
        }
        return [file for file in _FILE_ORDER if file in present]

    def rows(self, action: Action, identifier_type: IdentifierType) -> list[str]:
        """The identifier values of one file, as of now."""
        return [
            value
            for value, pending in self._by_value.items()
            if not pending.released
            and pending.change.action is action
            and pending.change.identifier.type is identifier_type
        ]

    def live(self) -> Iterator[tuple[Pending[Part], tuple[str, ...]]]:
        """Each change once, with the identifier values it stands for here, without the released ones."""
        values: dict[int, tuple[Pending[Part], list[str]]] = {}
        for value, pending in self._by_value.items():
            if not pending.released:
                values.setdefault(id(pending), (pending, []))[1].append(value)
        for pending, own in values.values():
            yield pending, tuple(own)

    def parts(self) -> list[Part]:
        """The part of every change that was not released, once each."""
        return [pending.part for pending, _ in self.live()]

    def carries(self, belongs: Callable[[Part], bool]) -> bool:
        """Whether any change that was not released has a part that `belongs` picks."""
        return any(
            not pending.released and belongs(pending.part) for pending in self._by_value.values()
        )

    def release(self, belongs: Callable[[Part], bool]) -> None:
        """Leave the changes whose parts `belongs` picks out of every file that is still to be made."""
        for pending in self._by_value.values():
            if belongs(pending.part):
                pending.released = True
