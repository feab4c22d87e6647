"""From `name=id` pairs, or a JSON object, to the ids LiveIntent gave audiences."""

import json
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator

from consumer.settings.parsing import AUDIENCE_NAME

T = TypeVar("T", bound=Hashable)
_ID = re.compile(r"[1-9][0-9]{0,18}")
_ID_MAX = 2**63 - 1  # LiveIntent's OpenAPI: int64


def _pairs(given: object) -> object:
    """Names and ids as they stand there, the ids as text; what is not text is let pass."""
    if not isinstance(given, str):
        return given
    if given.lstrip().startswith("{"):
        return _members(given)
    pairs: list[tuple[str, str]] = []
    for item in filter(None, map(str.strip, given.split(","))):
        name, separator, audience_id = item.rpartition("=")
        if not separator:
            message = f"must be name=id between commas, or a JSON object; {item!r} is neither"
            raise ValueError(message)
        pairs.append((name.strip(), audience_id.strip()))
    return _ids(pairs)


def _members(text: str) -> dict[str, int]:
    try:
        # Every pair, not the last of each name: a name given twice is a mistake.
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError:
        raise ValueError("begins like a JSON object, and is not one") from None
    return _ids([(name, str(value)) for name, value in pairs])


def _ids(pairs: list[tuple[str, str]]) -> dict[str, int]:
    if twice := _repeated([name for name, _ in pairs]):
        message = f"gives several ids to {', '.join(map(repr, twice))}"
        raise ValueError(message)
    for name, audience_id in pairs:
        if not _ID.fullmatch(audience_id) or int(audience_id) > _ID_MAX:
            message = f"must have LiveIntent's numbers as ids; that of {name!r} is none"
            raise ValueError(message)
    return {name: int(audience_id) for name, audience_id in pairs}


def _checked(ids: dict[str, int]) -> dict[str, int]:
    if refused := [name for name in ids if not AUDIENCE_NAME.fullmatch(name)]:
        message = f"has names no audience can have: {', '.join(map(repr, refused))}"
        raise ValueError(message)
    if shared := _repeated(list(ids.values())):
        # Two lanes would send to it at once, and who leaves the one audience would leave the other.
        message = f"gives one id to several audiences: {', '.join(map(str, shared))}"
        raise ValueError(message)
    return ids


def _repeated(values: Sequence[T]) -> list[T]:
    return [value for value, times in Counter(values).items() if times > 1]


AudienceIds = Annotated[dict[str, int], BeforeValidator(_pairs), AfterValidator(_checked)]
