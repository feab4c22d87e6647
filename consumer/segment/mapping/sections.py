"""From one section of a mapping to what finds that object in a record."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from consumer.segment.mapping.model import SECTIONS, EventMapping, Section, Values
from consumer.segment.mapping.objects import (
    Step,
    object_in,
    placed,
    policy_for,
    renaming,
    unflattening,
    with_json_texts_read,
)
from consumer.segment.mapping.paths import ANY, Get, Path, getter, matched, path_of

Columns = Callable[[Mapping[str, object]], dict[str, Any]]
FromRecord = Callable[[dict[str, Any], Mapping[str, object]], dict[str, Any]]


def first_of(paths: Sequence[Path]) -> Get:
    """What finds the first value that is not null."""
    if len(paths) == 1:
        return getter(paths[0])
    getters = [getter(path) for path in paths]

    def first(record: Mapping[str, object]) -> object:
        return next((value for get in getters if (value := get(record)) is not None), None)

    return first


def _first_filled(paths: Sequence[Path]) -> Get:
    """What finds the first value that holds anything: an empty object is no reason not to look further."""
    if len(paths) == 1:
        return getter(paths[0])
    getters = [getter(path) for path in paths]

    def first(record: Mapping[str, object]) -> object:
        return next((value for get in getters if (value := get(record)) not in _EMPTY), None)

    return first


_EMPTY: tuple[object, ...] = (None, "", "{}", {}, [])


def section_paths(mapping: EventMapping, name: str) -> tuple[Path, ...]:
    """Where the object itself is looked for."""
    section = mapping.section(name)
    if section.paths is not None:
        return section.paths
    return () if section.columns else ((name,),)


def taken_columns(mapping: EventMapping) -> frozenset[str]:
    """The top-level names that a path of the mapping begins with: no member of what `columns` gathers."""
    call = mapping.call
    paths = [*call.message_id.paths, *call.type.paths, *call.event.paths]
    # Not call.name: only pages and screens have one, and the same column may be a trait or a property of other calls.
    paths += [*call.timestamp.paths, *call.received_at.paths]
    for name in SECTIONS:
        paths += section_paths(mapping, name)
        paths += [path_of(s) for s in mapping.section(name).place.values() if ANY not in s]
    return frozenset(path[0] for path in paths)


def compile_section(
    mapping: EventMapping, name: str, *, names: Collection[str] | None, audiences: Mapping[str, str]
) -> Get:
    """What finds the object in a record.

    `names` are the record's fields when its schema is known: columns are then chosen once. `audiences` are the keys of
    audiences by the names they come under. What is no object is given as it is found: `event_from` says what it is.
    """
    section = mapping.section(name)
    find = _first_filled(section_paths(mapping, name))
    before = _shaping(section)
    from_record = [_placing(path_of(t), source, names) for t, source in section.place.items()]
    if section.columns:
        from_record.insert(0, _adding(_columns(mapping, section.columns, names)))
    after = [] if mapping.booleans is None else list(policy_for(name, mapping.booleans))
    if audiences:
        after.append(renaming(audiences))
    if not before and not from_record and not after:
        return find

    return _reading(find, before, from_record, after)


def _reading(
    find: Get, before: Sequence[Step], from_record: Sequence[FromRecord], after: Sequence[Step]
) -> Get:
    def read(record: Mapping[str, object]) -> object:
        value = find(record)
        members = object_in(value)
        if members is None:
            return value
        for step in before:
            members = step(members)
        for add in from_record:
            members = add(members, record)
        for step in after:
            members = step(members)
        return members

    return read


def _adding(columns: Columns) -> FromRecord:
    return lambda members, record: {**columns(record), **members}


def _shaping(section: Section) -> list[Step]:
    steps: list[Step] = []
    if section.values is Values.JSON_TEXT:
        steps.append(with_json_texts_read)
    if section.separator is not None:
        steps.append(unflattening(section.separator))
    if section.rename:
        steps.append(renaming(section.rename))
    return steps


def _placing(target: Path, source: str, names: Collection[str] | None) -> FromRecord:
    if ANY in source:
        gather = _gathering(lambda name: matched(source, name), names)

        def place_all(members: dict[str, Any], record: Mapping[str, object]) -> dict[str, Any]:
            found = gather(record)
            return placed(members, target, found) if found else members

        return place_all
    get = getter(path_of(source))

    def place(members: dict[str, Any], record: Mapping[str, object]) -> dict[str, Any]:
        value = get(record)
        return members if value is None else placed(members, target, value)

    return place


def _columns(
    mapping: EventMapping, patterns: Sequence[str], names: Collection[str] | None
) -> Columns:
    taken = taken_columns(mapping)
    # A star alone takes what nobody else asks for.
    others = [pattern for name in SECTIONS for pattern in _patterns(mapping.section(name))]
    not_the_rest = [*mapping.ignore, *(pattern for pattern in others if pattern != ANY)]

    def member(name: str) -> str | None:
        for pattern in patterns:
            if pattern != ANY and (found := matched(pattern, name)) is not None:
                return found
        if ANY not in patterns or name in taken:
            return None
        return None if any(matched(each, name) is not None for each in not_the_rest) else name

    return _gathering(member, names)


def _patterns(section: Section) -> tuple[str, ...]:
    return (*section.columns, *(source for source in section.place.values() if ANY in source))


def _gathering(member: Callable[[str], str | None], names: Collection[str] | None) -> Columns:
    """What gathers the columns that `member` gives a name, but for nulls: null means "not in this call"."""
    if names is None:
        member = lru_cache(maxsize=4096)(member)
        return lambda record: {
            target: value
            for name, value in record.items()
            if value is not None and (target := member(name)) is not None
        }
    pairs = [(name, target) for name in names if (target := member(name)) is not None]
    return lambda record: {
        target: value for name, target in pairs if (value := record.get(name)) is not None
    }
