"""`python -m tests.benchmarks`: how fast the service is, next to what reading and decoding alone cost."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.broker import a_broker
from tests.benchmarks.comparison import changes, ratios_of
from tests.benchmarks.machine import surroundings
from tests.benchmarks.profiling import PROFILED, Profiler, profile
from tests.benchmarks.result_file import document, ratios_in
from tests.benchmarks.rows import Row
from tests.benchmarks.stage import SETTINGS, Stage
from tests.benchmarks.suite import FULL, QUICK, Plan, Suite
from tests.benchmarks.table import as_markdown, as_text
from tests.benchmarks.targets import Results, targets
from tests.kafka_cluster import ClusterKind
from tests.kafka_cluster.real_kafka import KAFKA_VERSION

BASELINE = Path(__file__).parent / "baseline.json"
RESULT = Path("build/bench.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows and print the table; 1 when a result was wrong, or slower than allowed."""
    options = _parser().parse_args(arguments)
    rows = options.only or list(Row)
    settings = {**SETTINGS, **dict(options.set)}
    kind = ClusterKind(options.kafka)
    said = sys.argv[1:] if arguments is None else arguments
    about = surroundings(["python", "-m", "tests.benchmarks", *said], kafka=_named(kind))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        (directory / "kafka").mkdir()
        with a_broker(kind, directory / "kafka") as broker:
            suite = Suite(Stage(broker, directory, dict(options.set)), _plan(options), _tell)
            if options.profile is not None:
                print(profile(suite, options.profile, options.profiler, options.json.parent))
                return 0
            results = suite.run(rows)
    found = targets(results, flush_seconds=float(settings["FLUSH_SECONDS"]))
    about["settings"] = ", ".join(f"{name}={value}" for name, value in settings.items())
    print("\n".join(f"{name:12} {value}" for name, value in about.items()), end="\n\n")
    print((as_markdown if options.markdown else as_text)(results, found), flush=True)
    result = document(about, settings, results, found)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_bytes(result)
    if any(summary.wrong for summary in results.values()):
        return 1
    if options.record:
        BASELINE.write_bytes(result)
    return 0 if options.compare is None else _compare(options.compare, results)


def _compare(file: Path, results: Results) -> int:
    compared = list(changes(ratios_in(file), ratios_of(results)))
    print("\n".join(["", *map(str, compared)]))
    return 1 if any(change.is_too_much for change in compared) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measures the service, and what reading and decoding cost alone, in one run on one machine. Kafka, "
        "the producer and LiveIntent's stand-in have processes of their own, the service has one. Prints a table and "
        "the targets, and exits with 1 when a result was wrong or, with --compare, slower than allowed.",
    )
    parser.add_argument(
        "--only", type=_rows, metavar="ROWS", help=f"rows to run, of {','.join(Row)}"
    )
    parser.add_argument("--events", type=int, help="events of a run; calls in proportion")
    parser.add_argument("--runs", type=int, help="runs of each row, one round after the other")
    parser.add_argument("--quick", action="store_true", help="few events, one run: for a look")
    parser.add_argument(
        "--kafka",
        choices=[str(kind) for kind in ClusterKind],
        default=str(ClusterKind.EMBEDDED),
        help="embedded: librdkafka's mock cluster; real: an Apache Kafka broker (needs Java and Maven)",
    )
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one more setting of the service, as often as wanted",
    )
    parser.add_argument("--json", type=Path, default=RESULT, help=f"result file (default {RESULT})")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="?",
        const=BASELINE,
        metavar="FILE",
        help="fail when a row needs more of the processor than it did there; without FILE, than in the committed result",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="make this the result that is committed to compare with",
    )
    parser.add_argument(
        "--profile",
        type=Row,
        choices=PROFILED,
        metavar="ROW",
        help=f"run one row's service under a profiler instead: {','.join(PROFILED)}",
    )
    parser.add_argument(
        "--profiler",
        type=Profiler,
        choices=list(Profiler),
        default=Profiler.SAMPLES,
        help="samples: where processor time goes; calls: cProfile, which counts every call",
    )
    return parser


def _rows(text: str) -> list[Row]:
    return [Row(name) for name in text.split(",")]


def _setting(text: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not is_there:
        message = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(message)
    return name, value


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    if options.events is not None:
        share = options.events / plan.events
        plan = replace(
            plan,
            events=options.events,
            conversions=max(1, round(plan.conversions * share)),
            collector_calls=max(1, round(plan.collector_calls * share)),
        )
    return plan if options.runs is None else replace(plan, runs=options.runs)


def _named(kind: ClusterKind) -> str:
    if kind is ClusterKind.REAL:
        return f"Apache Kafka {KAFKA_VERSION}"
    return "librdkafka's mock cluster"


def _tell(where: str) -> None:
    print(where, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
