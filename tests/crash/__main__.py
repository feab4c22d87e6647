"""`python -m tests.crash`: break the whole system on purpose, by seed, and see whether the promise holds."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.crash.driver import Progress, run
from tests.crash.plan import Plan, PlanOptions, make_plan
from tests.crash.report import heading, line_of, trouble
from tests.crash.verdict import Verdict
from tests.crash.world import CrashCluster, MortalEmbeddedCluster
from tests.kafka_cluster import ClusterKind
from tests.kafka_cluster.real_kafka import RealKafka

# Of the embedded cluster's rebalances each takes about a session. Our real broker allows shorter ones than usual.
SESSION_SECONDS = {ClusterKind.EMBEDDED: 3.0, ClusterKind.REAL: 3.0}
# The embedded cluster keeps 5 MiB of a partition, about 80,000 of these events in all.
EVENTS_PER_SECOND = {ClusterKind.EMBEDDED: 150, ClusterKind.REAL: 300}
CREATE_FAULTS_FROM_SECONDS = 120
SHORT_SECONDS = 15


def plan_for(seed: int, kind: ClusterKind, seconds: float, *, long_pauses: bool = True) -> Plan:
    """The plan of a run of this length on this kind of cluster; a short run is a dense one."""
    return make_plan(
        seed,
        PlanOptions(
            seconds=seconds,
            session_seconds=SESSION_SECONDS[kind],
            events_per_second=EVENTS_PER_SECOND[kind],
            long_pauses=long_pauses,
            create_faults=seconds >= CREATE_FAULTS_FROM_SECONDS,
            seconds_between_steps=0.4 if seconds <= SHORT_SECONDS else 1.0,
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one seed after the other; 1 when any of them broke the promise."""
    options = _parser().parse_args(arguments)
    kind = ClusterKind(options.kafka)
    broken = 0
    print(heading(), flush=True)
    for seed in range(options.seed, options.seed + options.seeds):
        plan = plan_for(seed, kind, options.seconds, long_pauses=not options.no_long_pauses)
        directory = Path(tempfile.mkdtemp(prefix=f"crash-{seed}-"))
        with _cluster(kind, directory / "kafka") as cluster:
            verdict = run(plan, cluster, directory, progress=_progress(seed))
        _tell(verdict, directory)
        if verdict.ok:
            shutil.rmtree(directory)
        broken += not verdict.ok
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description="Runs the service as two processes against Kafka and a LiveIntent stand-in, feeds it generated "
        "Segment events, and kills, stops, pauses and cuts off everything in an order drawn from the seed. Then heals "
        "everything, lets it drain, and compares the members with what the events meant, the committed offsets with "
        "the end, the dead letters with what was undecodable, and the books with themselves. One line for each seed; a "
        "seed that fails shows everything that was done, and can be run again. Exits 0 when nothing was lost or wrong.",
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long to break things, for each seed"
    )
    parser.add_argument(
        "--kafka",
        choices=[str(kind) for kind in ClusterKind],
        default=str(ClusterKind.EMBEDDED),
        help="embedded: librdkafka's mock cluster; real: an Apache Kafka broker of its own (needs Java and Maven)",
    )
    parser.add_argument(
        "--no-long-pauses",
        action="store_true",
        help="never pause a process for longer than its session",
    )
    return parser


@contextmanager
def _cluster(kind: ClusterKind, directory: Path) -> Iterator[CrashCluster]:
    if kind is ClusterKind.EMBEDDED:
        with MortalEmbeddedCluster() as embedded:
            yield embedded
    else:
        directory.mkdir()
        with RealKafka(directory) as real:
            yield real


def _progress(seed: int) -> Progress:
    def tell(where: str) -> None:
        print(f"seed {seed}: {where}", file=sys.stderr, flush=True)

    return tell


def _tell(verdict: Verdict, directory: Path) -> None:
    print(line_of(verdict), flush=True)
    if not verdict.ok:
        print(trouble(verdict), flush=True)
        print(f"What the processes printed is in {directory}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
