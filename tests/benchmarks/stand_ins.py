"""LiveIntent and a schema registry as stand-ins, in one process of their own; and what that process can tell."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from consumer.sandbox.faults import Fault
from consumer.sandbox.liveintent_rows import Rows
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from consumer.sandbox.liveintent_uploads import UploadRequest
from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.sandbox.segment_encoders import segment_event_schema
from tests.benchmarks.children import Child, answer_lines

SCHEMA_ID = 1
"""What a registry calls its first schema; ours is the only one."""

# What is measured is the service: a file is finished as soon as it is stored.
OPTIONS = SandboxOptions(processing_seconds=0)
_JOURNAL = "--journal"
_SHA256_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Seen:
    """What LiveIntent saw. Times are epoch seconds; None while nothing was stored."""

    uploads: int
    requests: int
    refused: int
    rows: int
    first_stored_at: float | None
    last_stored_at: float | None
    breaches: tuple[str, ...]


class StandIns:
    """The stand-ins' process, seen from ours. `settings` are what the service needs to reach them."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.pid = child.pid
        self.settings: Mapping[str, str] = child.said["settings"]

    def add_audiences(self, names: Iterable[str]) -> None:
        """Put them there, as if made before: two processes that meet a new one at once may both create it."""
        self._child.ask("add", *names)

    def seen(self) -> Seen:
        """What was asked of LiveIntent until now."""
        said = self._child.ask("seen")
        return Seen(**{**said, "breaches": tuple(said["breaches"])})

    def members(self, audiences: Iterable[str]) -> dict[str, dict[str, str]]:
        """Who is in each of these audiences, as `digest_of_members` has it."""
        told: dict[str, dict[str, str]] = self._child.ask("members", *audiences)
        return told

    def direct_calls(self) -> dict[str, Any]:
        """What each sink of direct calls was sent, counted."""
        told: dict[str, Any] = self._child.ask("direct-calls")
        return told

    def stored(self) -> dict[str, float]:
        """When each SHA-256 row was first stored. Only with a journal."""
        told: dict[str, float] = self._child.ask("stored")
        return told


@contextmanager
def stand_ins(*, journal: bool = False) -> Iterator[StandIns]:
    """Start them; they are gone when the block ends. A journal of every row costs them time and memory."""
    with Child("tests.benchmarks.stand_ins", *([_JOURNAL] if journal else [])) as child:
        yield StandIns(child)


def digest_of_members(members: Mapping[str, set[str]]) -> dict[str, str]:
    """How many are in an audience by each type, and a digest of who: two audiences are the same when these are."""
    return {
        kind: f"{len(rows)} {hashlib.sha256(' '.join(sorted(rows)).encode()).hexdigest()}"
        for kind, rows in sorted(members.items())
        if rows
    }


class _Journal:
    """When each row was first stored."""

    def __init__(self, liveintent: LiveIntentSandbox) -> None:
        self.stored: dict[str, float] = {}
        uploads = liveintent._state.uploads
        take_in = uploads.store

        def store(request: UploadRequest, rows: Rows, now: float, *, fault: Fault | None) -> None:
            for row in rows.valid:
                if len(row) == _SHA256_CHARACTERS:
                    self.stored.setdefault(row, now)
            take_in(request, rows, now, fault=fault)

        uploads.store = store  # type: ignore[method-assign]


async def _serve(*, with_journal: bool) -> None:
    liveintent, registry = LiveIntentSandbox(OPTIONS), SchemaRegistrySandbox()
    journal = _Journal(liveintent) if with_journal else None
    registry.register("events-value", segment_event_schema())

    async def answer(line: str) -> object:
        match line.split():
            case ["seen"]:
                return _seen(liveintent)
            case ["add", *names]:
                return [liveintent.add_audience(name) for name in names]
            case ["members", *audiences]:
                return {name: digest_of_members(liveintent.members(name)) for name in audiences}
            case ["direct-calls"]:
                return {
                    "collector": liveintent.collector.summary(),
                    "conversions": liveintent.conversions.summary(),
                }
            case ["stored"] if journal is not None:
                return journal.stored
            case _:
                return None

    async with liveintent as url, registry:
        await answer_lines({"settings": _settings(url, registry.url)}, answer)


def _seen(liveintent: LiveIntentSandbox) -> dict[str, object]:
    uploads = liveintent.uploads()
    return {
        "uploads": len(uploads),
        "requests": liveintent.requests.total(),
        "refused": sum(n for (_, status), n in liveintent.requests.items() if status >= 400),
        "rows": sum(upload.rows for upload in uploads),
        "first_stored_at": uploads[0].stored_at if uploads else None,
        "last_stored_at": uploads[-1].stored_at if uploads else None,
        "breaches": sorted({breach.kind for breach in liveintent.breaches}),
    }


def _settings(url: str, registry_url: str) -> dict[str, str]:
    return {
        "LIVEINTENT_URL": url,
        "LIVEINTENT_API_KEY": OPTIONS.token,
        "LIVEINTENT_ACCOUNT_ID": str(OPTIONS.account_id),
        "LIVEINTENT_DATA_PROVIDER_ID": str(OPTIONS.data_provider_id),
        "LIVEINTENT_COLLECTOR_URL": url,
        "LIVEINTENT_CONVERSIONS_URL": url,
        "LIVEINTENT_CONVERSIONS_CUSTOMER_ID": OPTIONS.conversions_customer_id,
        "LIVEINTENT_CONVERSIONS_TOKEN": OPTIONS.conversions_token,
        "SCHEMA_REGISTRY_URL": registry_url,
    }


if __name__ == "__main__":
    uvloop.run(_serve(with_journal=_JOURNAL in sys.argv[1:]))
