"""How a run ended, against what must have come of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.benchmarks.peers.feed import Members


class Scenario(StrEnum):
    """What happens while the peer works."""

    QUIET = "quiet"
    """Nothing: this run gives the numbers."""
    KILLED = "killed"
    """SIGKILL in the middle, and a restart."""
    REFUSALS = "refusals"
    """LiveIntent answers some calls with 429 or 500, and for eight seconds all of them with 503."""
    TROUBLE = "trouble"
    """Some files end in Error, some take two seconds longer than those after them: only LiveIntent's list of uploads tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What stands at LiveIntent in the end, and what was sent for it.

    `missing` rows should be members and are not; `extra` rows are and should not be. `sent` counts the rows of all files,
    `asked` the rows of all changes of the feed.
    """

    missing: int
    extra: int
    expected: int
    sent: int
    asked: int
    restarts: int = 0

    @property
    def is_right(self) -> bool:
        return self.missing == self.extra == 0

    @property
    def sent_per_asked(self) -> float:
        """Below 1 where changes fold, above where they are sent again."""
        return self.sent / self.asked


def difference(found: Members, wanted: Members) -> tuple[int, int, int]:
    """Rows that are missing, rows too many, and rows wanted, over all audiences."""
    missing = extra = expected = 0
    for audience in found.keys() | wanted.keys():
        here, there = found.get(audience, {}), wanted.get(audience, {})
        for kind in here.keys() | there.keys():
            is_there, should_be = here.get(kind, frozenset()), there.get(kind, frozenset())
            missing += len(should_be - is_there)
            extra += len(is_there - should_be)
            expected += len(should_be)
    return missing, extra, expected


def sent_again(ended: Ended, quiet: Ended) -> float:
    """The share of rows sent once more than the same peer sends where nothing happens; never below 0.

    Feeds of two sizes may be compared: it is about rows sent for each row asked for.
    """
    return max(0.0, ended.sent_per_asked / quiet.sent_per_asked - 1)


def judgement(ended: Mapping[Scenario, Ended], scenario: Scenario) -> str:
    """How a scenario ended, in a few words: right or what is wrong, what was sent again, how often the process gave up."""
    end = ended.get(scenario)
    if end is None:
        return "-"
    words = ["right" if end.is_right else f"WRONG -{end.missing:,} +{end.extra:,}"]
    if scenario is not Scenario.QUIET and Scenario.QUIET in ended:
        words.append(f"{sent_again(end, ended[Scenario.QUIET]):.0%} again")
    if end.restarts:
        words.append(f"{end.restarts} restart{'s' if end.restarts > 1 else ''}")
    return ", ".join(words)
