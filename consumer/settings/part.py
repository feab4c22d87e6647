"""What the groups of settings have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

FILE_IS_READ = "file_is_read"
# Mark a field that holds a secret: it can also be given as a file, and is never printed.
SECRET: dict[str, Any] = {FILE_IS_READ: "again when it changes"}
SECRET_AT_START: dict[str, Any] = {FILE_IS_READ: "at the start: a new one needs a restart"}


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting holds a secret."""
    return field.json_schema_extra in (SECRET, SECRET_AT_START)


class Part(BaseModel):
    """A group of settings that one part of the program needs. The docstring's first line is its title.

    A field `x_y` is the environment variable `X_Y`. Its description is written for the operator: it is the README's
    text, and its first sentence is what a missing setting is explained with.

    A rule between two settings is a validator of the later one, so that it is checked, and reported, together with
    everything else that is wrong.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )
