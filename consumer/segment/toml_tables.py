"""The tables of a TOML text that somebody wrote for us."""

import tomllib
from typing import Any

from consumer.errors import SettingsError


def toml_tables(text: str, called: str) -> dict[str, Any]:
    """The tables; `called` is the file's name for people. Raises SettingsError when the text cannot be read."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{called} is not TOML: {error}."]) from None
    except RecursionError:
        raise SettingsError([f"{called} is nested too deeply."]) from None
