"""The mappings that the settings name, ready to read with."""

from collections.abc import Collection, Iterable

from consumer.errors import SettingsError
from consumer.segment.mapping.compiling import MappedEvents
from consumer.segment.mapping.reading import load_mapping


def mapped_events(names: Iterable[str], audiences: Collection[str]) -> dict[str, MappedEvents]:
    """Each mapping by the name of its preset, or the path of its file. Reads files: blocks, for start-up.

    `audiences` are the listed ones. Raises `SettingsError` with everything that is wrong with any of them.
    """
    mappings: dict[str, MappedEvents] = {}
    problems: list[str] = []
    for name in dict.fromkeys(names):
        try:
            mappings[name] = MappedEvents(load_mapping(name), audiences=audiences)
        except SettingsError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(f"the mapping {name}: {error}; give them names in audiences.aliases.")
    if problems:
        raise SettingsError(problems)
    return mappings
