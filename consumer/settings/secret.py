"""A secret setting: never printed, and read again when its file changes."""

from pathlib import Path


class Secret:
    """A secret's text, or the file that holds it.

    It has no text form: `repr`, `str` and formatting all give the same mask, so that no log line or error can hold it.
    """

    __slots__ = ("_path", "_text")

    def __init__(self, text: str, path: Path | None = None) -> None:
        self._text = text
        self._path = path

    @classmethod
    def from_file(cls, path: Path) -> "Secret":
        """The secret in this file. Raises OSError, or ValueError when the file is not text."""
        return cls(_text_of(path), path)

    def read(self) -> str:
        """The secret as it is now; never raises.

        A file is read again each time (it blocks for that: a small file, but not for every request). While it cannot
        be read or is empty, as in the middle of a rotation, the last text holds.
        """
        if self._path is not None:
            try:
                self._text = _text_of(self._path) or self._text
            except (OSError, ValueError):
                return self._text
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"


def _text_of(path: Path) -> str:
    """Editors and `kubectl create secret --from-file` leave a line break at the end, which is no part of a secret."""
    return path.read_text(encoding="utf-8").rstrip("\r\n")
