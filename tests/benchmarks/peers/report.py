"""The results as one table, for a terminal or as Markdown, and as JSON. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import orjson

from tests.benchmarks.peers.catalogue import Peer
from tests.benchmarks.peers.run import Measured
from tests.benchmarks.peers.verdict import Scenario, judgement
from tests.memory.resident import MEBIBYTE

Results = Mapping[str, Mapping[Scenario, Measured]]
"""By the peer's name. A scenario that was not run, or could not be, is missing."""

HEADINGS = (
    "", "events", "events/s", "CPU s/M", "MiB", "calls/M", "quiet", "killed", "refusals", "trouble",
)  # fmt: skip
SETTINGS_HEADINGS = ("", "versions", "batch", "commit", "promise")
LEGEND = (
    "events: how many were timed; one upload a record gets fewer, so that the run ends. events/s: from when they were written, "
    "all at once and after a warm-up, until the last file was stored (calls: the last was answered).",
    "CPU s/M: processor seconds of the peer for a million events, user and system. MiB: highest resident memory.",
    "calls/M: HTTP calls to LiveIntent for a million changes, ours with those that ask whether a file is finished.",
    "quiet, killed, refusals, trouble: what stood at LiveIntent in the end. killed: SIGKILL in the middle, and a restart. "
    "refusals: some calls answered 429 or 500, and all of them 503 for eight seconds. trouble: some files end in Error, some "
    "are finished two seconds later than others. '-N +M': N rows missing, M too many. 'again': rows (calls) sent once more "
    "than when quiet. 'restarts': the process ended by itself, and was started again.",
)  # fmt: skip
_NONE = "-"


def cells(results: Results) -> list[list[str]]:
    """The rows as texts, in the order given, without the headings."""
    return [_cells(name, runs) for name, runs in results.items()]


def as_text(results: Results, peers: Sequence[Peer]) -> str:
    """For a terminal."""
    settings = [_settings(peer) for peer in peers]
    tables = ((HEADINGS, cells(results)), (SETTINGS_HEADINGS, settings))
    return "\n\n".join(
        [*("\n".join(_aligned([list(head), *rows])) for head, rows in tables), "\n".join(LEGEND)]
    )


def as_markdown(results: Results, peers: Sequence[Peer]) -> str:
    """The same for a page of the docs."""
    first = _markdown(HEADINGS, cells(results))
    second = _markdown(SETTINGS_HEADINGS, [_settings(peer) for peer in peers])
    return "\n".join([*first, "", *LEGEND, "", *second])


def document(
    surroundings: Mapping[str, str], results: Results, failures: Mapping[str, str]
) -> bytes:
    """The whole result, for machines."""
    return orjson.dumps(
        {
            "surroundings": surroundings,
            "peers": {
                name: {str(scenario): asdict(run) for scenario, run in runs.items()}
                for name, runs in results.items()
            },
            "failures": failures,
        },
        option=orjson.OPT_INDENT_2,
    )


def verdict(runs: Mapping[Scenario, Measured], scenario: Scenario) -> str:
    """How a scenario ended, as short as a cell of the table."""
    return judgement({each: run.ended for each, run in runs.items()}, scenario)


def _cells(name: str, runs: Mapping[Scenario, Measured]) -> list[str]:
    quiet = runs.get(Scenario.QUIET)
    numbers = [_NONE] * 5
    if quiet is not None:
        numbers = [
            f"{quiet.events:,}",
            f"{quiet.events_per_second:,.0f}",
            f"{quiet.cpu_seconds_per_million:,.0f}",
            f"{quiet.peak_bytes / MEBIBYTE:.0f}",
            f"{quiet.requests_per_million_changes:,.0f}",
        ]
    return [name, *numbers, *(verdict(runs, scenario) for scenario in Scenario)]


def _settings(peer: Peer) -> list[str]:
    return [peer.name, peer.version(), peer.batch, peer.commit, peer.guarantee]


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for line in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(line)} |"
