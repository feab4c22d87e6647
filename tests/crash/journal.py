"""What was fed and what was stored, member by member: how a wrong one came to be."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from consumer.sandbox.liveintent_server import UploadView
from consumer.sandbox.segment_intents import ChangeIntent, FeedItem
from tests.kafka_cluster.topics import Written


class Row(NamedTuple):
    """One identifier of one type in one audience. Its value is not for printing."""

    audience: str
    identifier_type: str
    value: str


@dataclass(frozen=True, slots=True)
class _Fed:
    at: float
    move: str
    where: Written


class Journal:
    """Remembers every change that was produced, and in which stored files each row was. Any thread may tell it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fed: defaultdict[Row, list[_Fed]] = defaultdict(list)
        self._stored: defaultdict[Row, list[int]] = defaultdict(list)
        self._files = 0

    def fed(self, item: FeedItem, where: Written, *, at: float) -> None:
        """An item is on the topic. `at` is epoch seconds, as everywhere here."""
        if not isinstance(item.intent, ChangeIntent):
            return
        intent = item.intent
        with self._lock:
            for kind, values in intent.contact.members.items():
                for value in values:
                    row = Row(intent.audience, kind, value)
                    self._fed[row].append(_Fed(at, intent.move, where))

    def stored(self, audience: str, identifier_type: str, values: Iterable[str]) -> None:
        """LiveIntent has one more file; to be told of every one, in the order of `LiveIntentSandbox.uploads`."""
        with self._lock:
            for value in values:
                self._stored[Row(audience, identifier_type, value)].append(self._files)
            self._files += 1

    def values(self) -> set[str]:
        """Every hash and device id that was fed."""
        with self._lock:
            return {row.value for row in self._fed}

    def history(self, row: Row, uploads: list[UploadView], *, began: float) -> list[str]:
        """What happened to a row, a line each, in order of time, without the row itself."""
        with self._lock:
            lines = [*self._fed_lines(row, began), *self._stored_lines(row, uploads, began)]
        return [f"{at:+8.2f}  {line}" for at, line in sorted(lines)]

    def _fed_lines(self, row: Row, began: float) -> Iterator[tuple[float, str]]:
        for fed in self._fed[row]:
            yield fed.at - began, f"fed {fed.move} as {fed.where.partition}/{fed.where.offset}"

    def _stored_lines(
        self, row: Row, uploads: list[UploadView], began: float
    ) -> Iterator[tuple[float, str]]:
        for number in self._stored[row]:
            upload = uploads[number]
            ended = "" if upload.finished_at is None else f" {upload.finished_at - began:+.2f}"
            yield (
                upload.stored_at - began,
                f"stored {upload.action} by {upload.upload_name}, {upload.status}{ended}",
            )
