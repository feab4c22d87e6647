"""What the numbers must reach, and whether they do. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.benchmarks.rows import FLOORS, Row, Summary, base_of, share_of_cpu, share_of_speed
from tests.memory.resident import MEBIBYTE

PEAK_MEBIBYTES = 300
START_SECONDS = 3.0
IDLE_SECONDS_ABOVE_FLUSH = 1.0
OF_DECODING: Mapping[Row, float] = {Row.AUDIENCES: 0.60, Row.MIXED: 0.75}
TWO_TIMES = 1.7

Results = Mapping[Row, Summary]


@dataclass(frozen=True, slots=True)
class Target:
    """One promise about speed, and what was measured."""

    sentence: str
    measured: str
    met: bool


def targets(results: Results, *, flush_seconds: float) -> list[Target]:
    """The targets that these rows can tell about."""
    return [
        *_of_decoding(results),
        *_memory(results),
        *_idle_latency(results, flush_seconds),
        *_start(results),
        *_two_processes(results),
    ]


def _of_decoding(results: Results) -> Iterator[Target]:
    for row, share in OF_DECODING.items():
        base = base_of(row, results)
        if base is not None and row in results:
            measured = share_of_speed(results[row], base)
            by_cpu = share_of_cpu(results[row], base)
            sentence = f"{row.label}: at least {share:.0%} of (b)"
            yield Target(sentence, f"{measured:.0%}, {by_cpu:.0%} by CPU", measured >= share)


def _memory(results: Results) -> Iterator[Target]:
    services = [each for row, each in results.items() if row not in FLOORS]
    if services:
        highest = max(services, key=lambda each: each.peak_bytes)
        mebibytes = highest.peak_bytes / MEBIBYTE
        yield Target(
            f"the service stays below {PEAK_MEBIBYTES} MiB resident",
            f"{mebibytes:.0f} MiB, {highest.row.label}",
            mebibytes < PEAK_MEBIBYTES,
        )


def _idle_latency(results: Results, flush_seconds: float) -> Iterator[Target]:
    idle = results.get(Row.IDLE)
    if idle is not None and idle.p99_seconds is not None:
        most = flush_seconds + IDLE_SECONDS_ABOVE_FLUSH
        yield Target(
            f"idle, p99 from append to stored: at most FLUSH_SECONDS + 1 s = {most:g} s",
            f"{idle.p99_seconds:.2f} s",
            idle.p99_seconds <= most,
        )


def _start(results: Results) -> Iterator[Target]:
    started = results.get(Row.AUDIENCES)
    if started is not None and started.first_stored_seconds is not None:
        yield Target(
            f"first change stored less than {START_SECONDS:g} s after the assignment",
            f"{started.first_stored_seconds:.2f} s",
            started.first_stored_seconds < START_SECONDS,
        )


def _two_processes(results: Results) -> Iterator[Target]:
    one, two = results.get(Row.ONE), results.get(Row.TWO)
    if one is not None and two is not None:
        times = share_of_speed(two, one)
        others = ", ".join(f"{who} {cores:.2f}" for who, cores in two.beside.items())
        yield Target(
            f"two processes at least {TWO_TIMES} times as fast as one",
            f"{times:.2f} times, on {two.service_cores:.2f} cores; beside them {others}",
            times >= TWO_TIMES,
        )
