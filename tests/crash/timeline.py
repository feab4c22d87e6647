"""What was done, and what was seen, with times: enough to understand a run, and to replay it by its seed."""

import time
from collections import Counter
from dataclasses import dataclass

from tests.crash.steps import Action


@dataclass(frozen=True, slots=True)
class Moment:
    """One line. `seconds` since the run began."""

    seconds: float
    text: str

    def __str__(self) -> str:
        return f"{self.seconds:8.2f}  {self.text}"


class Timeline:
    """Lines in the order they were noted, how often each action was done, and every problem."""

    def __init__(self) -> None:
        self.began = time.time()
        self.moments: list[Moment] = []
        self.done: Counter[Action] = Counter()
        self.problems: list[str] = []

    @property
    def seconds(self) -> float:
        return time.time() - self.began

    def note(self, text: str) -> None:
        self.moments.append(Moment(self.seconds, text))

    def problem(self, text: str) -> None:
        """Something no run may show."""
        self.problems.append(text)
        self.note(f"PROBLEM: {text}")
