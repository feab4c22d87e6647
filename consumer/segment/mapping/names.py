"""How converters write names that Avro or a warehouse does not allow, so that an audience's key is found again."""

import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote_plus

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]")
_NOT_IN_A_WORD = re.compile(r"[^A-Za-z0-9]+")
_NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Converter(StrEnum):
    """Whose rule made the names of fields or columns."""

    NONE = "none"
    CONFLUENT = "confluent"
    """Confluent's Avro converter with `scrub.invalid.names`."""
    DEBEZIUM = "debezium"
    """Debezium with `sanitize.field.names`, and most others: an underscore for what is not allowed."""
    SEGMENT_WAREHOUSE = "segment-warehouse"
    """Segment's own columns: its public snake-case rule, with an underscore before a digit."""


def _confluent(name: str) -> str:
    # Confluent's AvroData: URL-encode, an x before what may not begin a name, then an underscore for each other sign.
    encoded = quote_plus(name, safe="*").replace("~", "%7E")
    if not (encoded[:1].isalpha() or encoded[:1] == "_"):
        encoded = "x" + encoded
    return _NOT_IN_A_NAME.sub("_", encoded)


def _debezium(name: str) -> str:
    return _NOT_IN_A_NAME.sub("_", f"_{name}" if name[:1].isdigit() else name)


def _segment_warehouse(name: str) -> str:
    words = _NOT_IN_A_WORD.sub("_", _NEW_WORD.sub("_", name)).strip("_").lower()
    return f"_{words}" if words[:1].isdigit() else words


_RULES: Mapping[Converter, Callable[[str], str]] = {
    Converter.CONFLUENT: _confluent,
    Converter.DEBEZIUM: _debezium,
    Converter.SEGMENT_WAREHOUSE: _segment_warehouse,
}


def rule_of(converter: Converter) -> Callable[[str], str] | None:
    """What the converter makes of a name, remembered for the names that come often; None when there is none."""
    rule = _RULES.get(converter)
    return None if rule is None else lru_cache(maxsize=4096)(rule)


def converted_names(converter: Converter, audiences: Collection[str]) -> dict[str, str]:
    """The listed audiences by the names the converter gives them, as far as those differ.

    Raises ValueError when two audiences come under one name: nobody could tell them apart.
    """
    rule = rule_of(converter)
    if rule is None:
        return {}
    by_name: dict[str, str] = {}
    for audience in sorted(audiences):
        name = rule(audience)
        other = by_name.setdefault(name, audience)
        if other != audience:
            message = f"the listed audiences {other!r} and {audience!r} both come as {name!r}"
            raise ValueError(message)
    return {name: audience for name, audience in by_name.items() if name != audience}
