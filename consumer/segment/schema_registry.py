"""The schemas of a schema registry: asked for once, remembered, and waited for as long as it takes."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from consumer.segment.framing import RegistryGuid, RegistryId, SchemaRef, as_guid, describe
from consumer.segment.patient_registry import PatientRegistry
from consumer.segment.registry_answers import GUIDS_PATH, NotFound, SchemaReference
from consumer.segment.schemas import (
    LoadedSchema,
    RefusedSchema,
    SchemaLookup,
    UnknownSchema,
    load_schema,
)
from consumer.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_MOST_REFERENCES = 100
# A topic has a few; a schema takes some 50 KB. Whoever may write to the topic must not fill the memory with numbers.
SCHEMAS_REMEMBERED = 200
_NOT_A_NUMBER = UnknownSchema("a schema registry knows schemas by number, not by fingerprint")

_Registered = RegistryId | RegistryGuid


@dataclass(slots=True)
class _Fetch:
    """A schema on its way, and how many wait for it. It lives as long as someone does."""

    task: asyncio.Task[SchemaLookup]
    callers: int = 0


class RegistrySchemas:
    """Schemas by their number in a registry, or by their GUID.

    A number's schema, and a GUID's, never changes, so it is remembered, as long as it is among the last `SCHEMAS_REMEMBERED` that
    were asked for; that there is none, for `unknown_memory_seconds`. However many wait for a schema, it is asked for once.
    """

    def __init__(
        self,
        registry: PatientRegistry,
        *,
        unknown_memory_seconds: float = 60.0,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._unknown_memory_seconds = unknown_memory_seconds
        self._metrics = metrics
        # Bound once: it is asked for every record.
        self._remembered = None if metrics is None else metrics.schema_lookups.labels("remembered")
        self._now = now
        self._known: dict[_Registered, LoadedSchema | RefusedSchema] = {}
        self._unknown: dict[_Registered, tuple[UnknownSchema, float]] = {}
        self._fetches: dict[_Registered, _Fetch] = {}

    @property
    def waiting(self) -> str | None:
        """What is being waited for and why, for people; None when nothing is."""
        return self._registry.waiting

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        """The schema if it is known already; None means: `load` it."""
        if (registered := _registered(ref)) is None:
            return _NOT_A_NUMBER
        known: SchemaLookup | None = self._known.get(registered)
        if known is None:
            unknown, forgotten_at = self._unknown.get(registered, (None, 0.0))
            if unknown is None or self._now() >= forgotten_at:
                return None
            known = unknown
        if self._remembered is not None:
            self._remembered.inc()
        return known

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        """The schema, however long the registry is out of order.

        Safe to cancel: others who wait for the same schema are not disturbed.
        """
        if (registered := _registered(ref)) is None:
            return _NOT_A_NUMBER
        known = self.get(ref)
        if known is not None:
            return known
        fetch = self._fetches.get(registered)
        if fetch is None:
            task = asyncio.create_task(self._fetch(registered))
            fetch = self._fetches[registered] = _Fetch(task)
            self._count_awaited()
        fetch.callers += 1
        try:
            return await asyncio.shield(fetch.task)
        finally:
            fetch.callers -= 1
            if fetch.callers == 0:
                # At once, so that whoever comes next does not join a fetch that is being cancelled.
                del self._fetches[registered]
                fetch.task.cancel()
                self._count_awaited()

    async def _fetch(self, ref: _Registered) -> SchemaLookup:
        try:
            lookup: SchemaLookup = await self._ask(ref)
        except _Hindered as hindrance:
            lookup = hindrance.lookup
        if isinstance(lookup, UnknownSchema):
            self._remember_unknown(ref, lookup)
        else:
            self._known[ref] = lookup
            if len(self._known) > SCHEMAS_REMEMBERED:
                del self._known[next(iter(self._known))]
        self._count(lookup)
        if not isinstance(lookup, LoadedSchema):
            log.warning(
                "A schema cannot be used; records written with it are refused.",
                schema=describe(ref),
                reason=lookup.detail,
            )
        return lookup

    async def _ask(self, ref: _Registered) -> LoadedSchema | RefusedSchema:
        found = await self._registry.ask(_path(ref), describe(ref))
        if isinstance(found, NotFound):
            raise _Hindered(UnknownSchema(f"the schema registry has no {describe(ref)}"))
        if found.schema_type != "AVRO":
            return RefusedSchema(f"{describe(ref)} is not of type AVRO")
        referenced: list[str] = []
        await self._collect(found.references, referenced, set())
        return load_schema(found.text, referenced=referenced)

    async def _collect(
        self, references: Sequence[SchemaReference], texts: list[str], seen: set[SchemaReference]
    ) -> None:
        """Add to `texts` what is referred to, each schema after those it refers to itself."""
        for reference in references:
            if reference in seen:
                continue
            seen.add(reference)
            if len(seen) > _MOST_REFERENCES:
                raise _Hindered(RefusedSchema(f"more than {_MOST_REFERENCES} schemas referred to"))
            found = await self._registry.ask(reference.path, str(reference))
            if isinstance(found, NotFound):
                raise _Hindered(UnknownSchema(f"the schema registry has no {reference}"))
            await self._collect(found.references, texts, seen)
            texts.append(found.text)

    def _remember_unknown(self, ref: _Registered, unknown: UnknownSchema) -> None:
        now = self._now()
        self._unknown = {ref: kept for ref, kept in self._unknown.items() if now < kept[1]}
        self._unknown[ref] = unknown, now + self._unknown_memory_seconds

    def _count(self, lookup: SchemaLookup) -> None:
        if self._metrics is not None:
            self._metrics.schema_lookups.labels(_RESULTS[type(lookup)]).inc()
            loaded = sum(isinstance(known, LoadedSchema) for known in self._known.values())
            self._metrics.schemas_loaded.set(loaded)

    def _count_awaited(self) -> None:
        if self._metrics is not None:
            self._metrics.schemas_awaited.set(len(self._fetches))


_RESULTS: Mapping[type, str] = {
    LoadedSchema: "loaded",
    UnknownSchema: "unknown",
    RefusedSchema: "refused",
}


def _registered(ref: SchemaRef) -> _Registered | None:
    """The reference if a registry can know it."""
    return ref if isinstance(ref, int) else as_guid(ref)


def _path(ref: _Registered) -> str:
    """Where the registry has it (source: Confluent's API reference)."""
    if isinstance(ref, int):
        return f"/schemas/ids/{ref}"
    return f"{GUIDS_PATH}{UUID(bytes=ref)}"


class _Hindered(Exception):
    """The schema cannot be had, and what is said instead."""

    def __init__(self, lookup: UnknownSchema | RefusedSchema) -> None:
        super().__init__(lookup.detail)
        self.lookup = lookup
