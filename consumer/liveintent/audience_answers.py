"""What the directory answers when it has no audience to give."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudienceRefused:
    """There is no audience to send to, and there will be none until somebody acts. `detail` is for people."""

    detail: str


@dataclass(frozen=True, slots=True)
class Absent:
    """LiveIntent has no such audience, and so nobody is in it."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Neither found nor refused: to be asked again later."""

    detail: str
