"""`python -m tests.benchmarks.peers`: the alternatives on the same work as the service, in one run, with one table."""

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.machine import surroundings
from tests.benchmarks.peers.catalogue import PEERS, Peer, Work
from tests.benchmarks.peers.feed import peers_feed
from tests.benchmarks.peers.goals import Goal, MembersGoal, orders, orders_mapped_beforehand
from tests.benchmarks.peers.report import as_markdown, as_text, document, verdict
from tests.benchmarks.peers.run import Measured, measure
from tests.benchmarks.peers.supervised import GivenUp
from tests.benchmarks.peers.verdict import Scenario
from tests.kafka_cluster.maven import JavaUnavailable
from tests.kafka_cluster.real_kafka import KAFKA_VERSION, RealKafka

EVENTS = 60_000
FAULTY_SHARE = 0.25
"""How much of the feed the runs get in which something goes wrong: they are not for numbers."""
EVENTS_MIN = 400
RESULT = Path("build/peers.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every peer through every scenario; 1 when one could not be measured, or our own service was wrong."""
    options = _parser().parse_args(arguments)
    peers = options.only or list(PEERS.values())
    results: defaultdict[str, dict[Scenario, Measured]] = defaultdict(dict)
    failures: dict[str, str] = {}
    about = surroundings(
        [sys.executable, "-m", "tests.benchmarks.peers", *(arguments or sys.argv[1:])],
        kafka=f"Apache Kafka {KAFKA_VERSION}",
    )
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        directory = Path(name)
        (directory / "kafka").mkdir()
        with RealKafka(directory / "kafka") as cluster:
            for peer, scenario in _runs(peers, options.scenarios):
                where = f"{peer.name}, {scenario}"
                goal = _goal(peer, scenario, options.events)
                try:
                    run = measure(peer, scenario, goal, cluster, directory / peer.name / scenario)
                except (
                    GivenUp,
                    JavaUnavailable,
                    subprocess.SubprocessError,
                    TimeoutError,
                ) as error:
                    failures[where] = str(error)
                    _tell(f"{where}: not measured")
                else:
                    results[peer.name][scenario] = run
                    _tell(f"{where}: {verdict(results[peer.name], scenario)}")
    about["versions"] = "; ".join(f"{peer.name}: {peer.version()}" for peer in peers)
    print("\n".join(f"{key:12} {value}" for key, value in about.items()), end="\n\n")
    print((as_markdown if options.markdown else as_text)(results, peers), flush=True)
    for where, why in failures.items():
        print(f"NOT MEASURED: {where}: {why}", flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_bytes(document(about, results, failures))
    ours = (run for peer in peers if peer.is_ours for run in results[peer.name].values())
    return 1 if failures or not all(run.ended.is_right for run in ours) else 0


def _runs(
    peers: Sequence[Peer], scenarios: Sequence[Scenario] | None
) -> Iterator[tuple[Peer, Scenario]]:
    for peer in peers:
        for scenario in scenarios or Scenario:
            # Only files can end in Error after they were taken.
            if scenario is not Scenario.TROUBLE or peer.work is Work.MEMBERS:
                yield peer, scenario


def _goal(peer: Peer, scenario: Scenario, events: int) -> Goal:
    share = peer.share if scenario is Scenario.QUIET else peer.share * FAULTY_SHARE
    wanted = max(EVENTS_MIN, round(events * share))
    match peer.work:
        case Work.MEMBERS:
            return MembersGoal(peers_feed(wanted))
        case Work.CALLS:
            return orders(wanted)
        case Work.MAPPED_CALLS:
            return orders_mapped_beforehand(wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.peers",
        description="Has the service and its alternatives do the same work, on an Apache Kafka broker (needs Java and Maven) "
        "against LiveIntent's stand-in, with nothing wrong and with trouble, and prints one table. The alternatives are "
        "installed under build/, each with an interpreter of its own.",
    )
    parser.add_argument(
        "--only", type=_peers, metavar="NAMES", help=f"of: {', '.join(PEERS)}; ours is the first"
    )
    parser.add_argument(
        "--scenarios", type=_scenarios, metavar="NAMES", help=f"of: {', '.join(Scenario)}"
    )
    parser.add_argument(
        "--events", type=_events, default=EVENTS, help=f"events of a quiet run (default {EVENTS:,})"
    )
    parser.add_argument("--json", type=Path, default=RESULT, help=f"result file (default {RESULT})")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


def _peers(text: str) -> list[Peer]:
    try:
        return [PEERS[name] for name in text.split(",")]
    except KeyError as error:
        message = f"there is no {error}; there are {', '.join(PEERS)}"
        raise argparse.ArgumentTypeError(message) from None


def _scenarios(text: str) -> list[Scenario]:
    return [Scenario(name) for name in text.split(",")]


def _events(text: str) -> int:
    events = int(text)
    if events < EVENTS_MIN:
        message = f"at least {EVENTS_MIN} are needed"
        raise argparse.ArgumentTypeError(message)
    return events


def _tell(where: str) -> None:
    print(where, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
