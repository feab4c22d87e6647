"""What an audience we create says of itself, beside its name. Pure."""

from collections.abc import Mapping
from typing import Final

from consumer.choices import MetadataEncoding

METADATA_KEY: Final = "segment_liveintent"
"""LiveIntent's search can look for audiences that have a key (`hasMetadata`), not for what is under it."""


def metadata_of(name: str, encoding: MetadataEncoding) -> Mapping[str, object] | None:
    """The `metadata` of a create; None to send none.

    LiveIntent's OpenAPI types the data as a tagged union, and its guide shows it so; whether a request needs the tags is
    not told.
    """
    match encoding:
        case MetadataEncoding.NONE:
            return None
        case MetadataEncoding.PLAIN:
            return {METADATA_KEY: {"data": name}}
        case MetadataEncoding.TAGGED:
            return {METADATA_KEY: {"data": {"Str": {"value": name}}}}
