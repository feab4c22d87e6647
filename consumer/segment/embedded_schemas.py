"""Schemas that come with the values they were written with: those of container files."""

import hashlib

from consumer.segment.schemas import LoadedSchema, RefusedSchema, load_schema

# A writer has a few in years; a schema takes some 50 KB. Whoever may write to the topic must not fill the memory.
SCHEMAS_REMEMBERED = 100


class EmbeddedSchemas:
    """Parses and checks each schema text once, as long as it is among the last that came."""

    def __init__(self) -> None:
        self._known: dict[bytes, LoadedSchema | RefusedSchema] = {}

    def of(self, text: str) -> LoadedSchema | RefusedSchema:
        """The schema that `text` holds, found safe to decode with, or why it is refused."""
        digest = hashlib.sha256(text.encode()).digest()
        schema = self._known.pop(digest, None) or _load_repeatable(text)
        self._known[digest] = schema  # behind the others: it was used last
        if len(self._known) > SCHEMAS_REMEMBERED:
            del self._known[next(iter(self._known))]
        return schema


def _load_repeatable(text: str) -> LoadedSchema | RefusedSchema:
    """A file repeats its record, as an array repeats its items: what may stand alone can be too much ten thousand times."""
    schema = load_schema(text)
    if isinstance(schema, LoadedSchema) and isinstance(
        load_schema(_AS_ITEMS.replace("ITEM", text, 1)), RefusedSchema
    ):
        return RefusedSchema("the schema's records can take no bytes, or next to none")
    return schema


_AS_ITEMS = (
    '{"type": "record", "name": "FileOf", "fields": '
    '[{"name": "records", "type": {"type": "array", "items": ITEM}}]}'
)
