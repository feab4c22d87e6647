"""`python -m tests.benchmarks.scaling`: what the service costs as the load grows in one way or another."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson

from tests.benchmarks.broker import a_broker
from tests.benchmarks.feeds import arrival_feed
from tests.benchmarks.machine import surroundings
from tests.benchmarks.service_run import run_service
from tests.benchmarks.sizes import (
    SIZES,
    Dimension,
    Point,
    Size,
    as_markdown,
    as_text,
    smaller,
    table,
)
from tests.benchmarks.stage import SETTINGS, Stage
from tests.kafka_cluster import ClusterKind

RESULT = Path("build/scaling.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure dimension after dimension and print a table of each; 1 when a result was wrong."""
    options = _parser().parse_args(arguments)
    kind = ClusterKind(options.kafka)
    said = sys.argv[1:] if arguments is None else arguments
    about = surroundings(["python", "-m", "tests.benchmarks.scaling", *said], kafka=kind)
    about["settings"] = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
    print("\n".join(f"{name:12} {value}" for name, value in about.items()), flush=True)
    measured: dict[str, list[Point]] = {}
    for dimension in options.only or list(Dimension):
        points = []
        for size in SIZES[dimension]:
            points.append(_point(dimension, smaller(size, options.share), kind))
            last = points[-1]
            print(
                f"{dimension} {last.value:,.0f}: {last.measured.seconds:.1f} s",
                file=sys.stderr,
                flush=True,
            )
        measured[str(dimension)] = points
        form = as_markdown if options.markdown else as_text
        print(f"\n{form(table(dimension, points))}", flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    dimensions = {name: list(map(asdict, points)) for name, points in measured.items()}
    document = {"surroundings": about, "dimensions": dimensions}
    options.json.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    every = [(name, point) for name, points in measured.items() for point in points]
    wrong = [
        f"WRONG {name} {point.value:,.0f}: {sentence}"
        for name, point in every
        for sentence in point.measured.wrong
    ]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.scaling",
        description="Measures the whole service against audiences, people, partitions, the size of an event and the "
        "number of events: one table each. All else stays as it is. Exits with 1 when a result was wrong.",
    )
    parser.add_argument(
        "--only",
        type=lambda text: [Dimension(name) for name in text.split(",")],
        metavar="DIMENSIONS",
        help=f"of {','.join(Dimension)}",
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the events, for a look")
    parser.add_argument(
        "--kafka",
        choices=[str(kind) for kind in ClusterKind],
        default=str(ClusterKind.EMBEDDED),
        help="embedded: librdkafka's mock cluster; real: an Apache Kafka broker (needs Java and Maven)",
    )
    parser.add_argument("--json", type=Path, default=RESULT, help=f"result file (default {RESULT})")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    return parser


def _point(dimension: Dimension, size: Size, kind: ClusterKind) -> Point:
    """Measure one size, on a broker that holds nothing else."""
    feed = arrival_feed(
        size.events, people=size.people, audiences=size.audiences, padding_bytes=size.padding_bytes
    )
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        directory = Path(name)
        (directory / "kafka").mkdir()
        with a_broker(kind, directory / "kafka") as broker:
            stage = Stage(broker, directory, {})
            topic = stage.topic_of("events", feed, partitions=size.partitions)
            measured = run_service(stage, topic)
    values = {
        Dimension.AUDIENCES: size.audiences,
        Dimension.PEOPLE: size.people,
        Dimension.PARTITIONS: size.partitions,
        Dimension.EVENT_BYTES: feed.mean_bytes,
        Dimension.EVENTS: size.events,
    }
    return Point(values[dimension], measured)


if __name__ == "__main__":
    sys.exit(main())
