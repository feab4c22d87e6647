"""The feeds file: its TOML, or everything that is wrong with it."""

import difflib
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from consumer.errors import SettingsError
from consumer.settings.feed import Feed
from consumer.settings.variables import why

_NAMED_BY = "[[feed]]"
_EXPECTED = {
    "missing": "is required",
    "enum": "must be {expected}",
    "extra_forbidden": "is not a key of a feed",
    "string_type": "must be text",
    "tuple_type": "must be a list of texts",
    "too_short": "must name at least one",
}


def read_feeds(path: Path) -> tuple[Feed, ...]:
    """The feeds of a file. Raises SettingsError with one sentence for each thing wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"EVENT_FEEDS_FILE: {path} is not TOML: {error}."]) from None
    except (OSError, ValueError) as error:
        raise SettingsError([f"EVENT_FEEDS_FILE: {path} cannot be read: {why(error)}."]) from None
    problems: list[str] = []
    tables = content.pop("feed", [])
    problems += [
        f"{name} is no key of a feeds file, which holds {_NAMED_BY} tables" for name in content
    ]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(f"feed must be written as {_NAMED_BY} tables")
        tables = []
    elif not tables:
        problems.append(f"there is no {_NAMED_BY} table")
    feeds: list[Feed] = []
    for number, table in enumerate(tables, 1):
        try:
            feeds.append(_located(Feed.model_validate(table), path.parent))
        except ValidationError as error:
            problems += [f"feed {number}: {each}" for each in _sentences(error)]
    problems += _named_twice(feeds)
    problems += [
        f"{feed.schema_file} is not a file"
        for feed in feeds
        if feed.schema_file is not None and not Path(feed.schema_file).is_file()
    ]
    if problems:
        raise SettingsError([f"EVENT_FEEDS_FILE: {path}: {problem}." for problem in problems])
    return tuple(feeds)


def _located(feed: Feed, directory: Path) -> Feed:
    located: dict[str, str] = {}
    if feed.schema_file is not None:
        located["schema_file"] = str(directory / feed.schema_file)
    if feed.mapping is not None and feed.mapping.endswith(".toml"):
        located["mapping"] = str(directory / feed.mapping)
    return feed.model_copy(update=located)


def _named_twice(feeds: Iterable[Feed]) -> Sequence[str]:
    counts = Counter(topic for feed in feeds for topic in feed.topics)
    return [f"topic {topic} is named twice" for topic, count in counts.items() if count > 1]


def _sentences(error: ValidationError) -> Iterable[str]:
    for each in error.errors(include_url=False, include_input=False):
        name = str(each["loc"][0])
        yield _sentence(name, each["type"], each.get("ctx", {})) + _near(name, each["type"])


def _sentence(name: str, kind: str, context: Mapping[str, object]) -> str:
    if kind == "value_error":
        return f"{name} {context['error']}"
    expected = str(context.get("expected", "")).replace("'", "")
    return f"{name} {_EXPECTED.get(kind, 'cannot be used').format(expected=expected)}"


def _near(name: str, kind: str) -> str:
    if kind != "extra_forbidden":
        return ""
    near = difflib.get_close_matches(name, Feed.model_fields, n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""
