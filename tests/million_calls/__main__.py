"""`python -m tests.million_calls`: a million direct calls; none lost, none counted twice, the rate limit respected."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from consumer.choices import DirectCallSink
from tests.kafka_cluster import ClusterKind, KafkaCluster
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.kafka_cluster.real_kafka import RealKafka
from tests.million_calls.run import Load, run, table_of, wrong_with


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once; 1 when a promise was broken."""
    options = _parser().parse_args(arguments)
    load = Load(
        calls=options.calls,
        sink=DirectCallSink(options.sink),
        requests_per_second=options.rate,
        concurrency=options.concurrency,
    )
    with tempfile.TemporaryDirectory(prefix="million-calls-") as name:
        directory = Path(name)
        with _cluster(ClusterKind(options.kafka), directory / "kafka") as cluster:
            result = run(load, cluster, directory / "service", tell=_tell)
    print(table_of(result), flush=True)
    wrong = wrong_with(result)
    for sentence in wrong:
        print(f"NOT KEPT: {sentence}", flush=True)
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.million_calls",
        description="Sends direct calls through the whole service to LiveIntent's stand-in, each a process of its own, with "
        "429s, 500s and lost answers on the way. Prints one table. Exits 0 when every call was counted once.",
    )
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--sink", choices=[str(sink) for sink in DirectCallSink], required=True)
    parser.add_argument("--rate", type=float, default=3_000, help="requests per second at most")
    parser.add_argument("--concurrency", type=int, default=64, help="requests at a time at most")
    parser.add_argument(
        "--kafka",
        choices=[str(kind) for kind in ClusterKind],
        default=str(ClusterKind.EMBEDDED),
        help="embedded: librdkafka's mock cluster; real: an Apache Kafka broker of its own",
    )
    return parser


@contextmanager
def _cluster(kind: ClusterKind, directory: Path) -> Iterator[KafkaCluster]:
    if kind is ClusterKind.EMBEDDED:
        with EmbeddedCluster() as embedded:
            yield embedded
    else:
        directory.mkdir()
        with RealKafka(directory) as real:
            yield real


def _tell(where: str) -> None:
    print(where, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
