"""A registry and a directory together, for topics that name their schemas in both ways."""

from consumer.segment.framing import SchemaRef, as_guid
from consumer.segment.schemas import SchemaLookup, Schemas


class SchemasByKind:
    """Numbers and GUIDs are looked up in a registry, fingerprints in a directory."""

    def __init__(self, *, registry: Schemas, local: Schemas) -> None:
        self._registry = registry
        self._local = local

    @property
    def waiting(self) -> str | None:
        """What holds up those who wait in `load`, for people; None when nothing does."""
        return self._registry.waiting or self._local.waiting

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        """The schema if it is known already; None means: `load` it."""
        return self._source(ref).get(ref)

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        """The schema, whatever time it takes to get it. Safe to cancel."""
        return await self._source(ref).load(ref)

    def _source(self, ref: SchemaRef) -> Schemas:
        is_registered = isinstance(ref, int) or as_guid(ref) is not None
        return self._registry if is_registered else self._local
