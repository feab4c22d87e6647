"""Ten thousand audiences with a few changes each: what the service does at once, in a second, and in all.

    python -m tests.benchmarks.lanes_at_scale --audiences 10000 --changes 3

The service runs in this process, LiveIntent's stand-in in another. LiveIntent's seconds pass `--hurry` times faster than
ours, so that its two requests a second do not take all day; times are printed in LiveIntent's seconds, but for CPU and
loop lag, which are ours. Three phases: every audience has changes at once; nothing happens; changes trickle in.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

import aiohttp

from consumer.sandbox.embedded_kafka import CONSUMER_PROPERTIES, EmbeddedKafka
from consumer.sandbox.liveintent_server import SandboxOptions
from consumer.sandbox.segment_encoders import as_json
from consumer.settings import load_settings
from tests.benchmarks.lanes_at_scale_liveintent import FarLiveIntent, far_liveintent
from tests.benchmarks.lanes_at_scale_watch import HOT, LOOK_SECONDS, Load, Phase, Watch
from tests.kafka_cluster.topics import NewRecord, produce
from tests.scenarios.events import enters
from tests.scenarios.running import RunningService

_GIVE_UP_SECONDS = 3600.0
_TOPIC, _DEAD_LETTERS = "events", "dead-letters"
_PARTITIONS = 16  # the embedded cluster keeps the newest 5 MiB of each


async def measure(load: Load) -> list[Phase]:
    """Run the three phases."""
    options = SandboxOptions(processing_seconds=load.processing_seconds / load.hurry)
    with (
        EmbeddedKafka() as kafka,
        far_liveintent(options, load.names) as liveintent,
    ):
        await asyncio.to_thread(kafka.create_topic, _TOPIC, partitions=_PARTITIONS)
        await asyncio.to_thread(kafka.create_topic, _DEAD_LETTERS, partitions=1)
        names = [name for name in load.names if name != HOT]
        hot = [enters(f"hot{i}@example.com", HOT) for i in range(load.hot_changes)]
        first = [
            enters(f"p{number}-{name}@example.com", name)
            for number in range(load.changes)
            for name in names
        ]
        await _write(kafka, [*hot, *first])
        async with aiohttp.ClientSession() as client:
            settings = await asyncio.to_thread(
                load_settings, _environ(load, kafka, liveintent, options)
            )
            service = RunningService(settings, client, hurry=load.hurry)
            phases = []
            await service.start()
            try:
                watch = Watch(service, load, int(liveintent.url.rsplit(":", 1)[1]))
                began = time.time()
                watch.start("all at once")
                await _finished(service, len(hot) + len(first))
                phases.append(await watch.end(changes=len(hot) + len(first)))
                phases[-1].lateness = _lateness(load, liveintent, began)

                gc.collect()
                watch.start("idle")
                await asyncio.sleep(load.idle_seconds / load.hurry)
                phases.append(await watch.end(changes=0))

                began = time.time()
                watch.start("trickle")
                await _trickle(load, kafka, names)
                total = len(hot) + len(first) + load.trickle_changes
                await _finished(service, total)
                phases.append(await watch.end(changes=load.trickle_changes))
                await asyncio.sleep(load.flush_seconds / load.hurry)
                books = service.books
                assert books.delivered == total, books
            finally:
                await service.stop()
            return phases


def _environ(
    load: Load, kafka: EmbeddedKafka, liveintent: FarLiveIntent, options: SandboxOptions
) -> dict[str, str]:
    return {
        "LIVEINTENT_URL": liveintent.url,
        "LIVEINTENT_API_KEY": options.token,
        "LIVEINTENT_ACCOUNT_ID": str(options.account_id),
        "LIVEINTENT_DATA_PROVIDER_ID": str(options.data_provider_id),
        "LIVEINTENT_AUDIENCES": "*",
        "LIVEINTENT_REQUESTS_PER_SECOND": str(load.requests_per_second),
        "LIVEINTENT_CONCURRENCY": str(load.concurrency),
        "FLUSH_SECONDS": str(load.flush_seconds / load.hurry),  # this one is our time
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPICS": _TOPIC,
        "KAFKA_GROUP_ID": "lanes-at-scale",
        "KAFKA_DEAD_LETTER_TOPIC": _DEAD_LETTERS,
        "KAFKA_FIRST_START": "earliest",
        "KAFKA_PROPERTIES": json.dumps({**CONSUMER_PROPERTIES, "session.timeout.ms": "30000"}),
        "EVENT_FORMAT": "json",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "LOG_LEVEL": "ERROR",
    }


async def _write(kafka: EmbeddedKafka, events: Iterable[dict[str, Any]]) -> None:
    records = [NewRecord(str(event["userId"]).encode(), as_json(event)) for event in events]
    await asyncio.to_thread(produce, kafka.bootstrap_servers, _TOPIC, records, timeout_seconds=120)


async def _finished(service: RunningService, records: int) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while service.finished < records:
        if service.over or time.monotonic() > deadline:
            message = f"finished {service.finished} of {records} records"
            raise RuntimeError(message)
        await asyncio.sleep(LOOK_SECONDS)


async def _trickle(load: Load, kafka: EmbeddedKafka, names: Sequence[str]) -> None:
    """Changes of audiences taken by chance, evenly over time."""
    chance, ticks = random.Random(7), 20
    for tick in range(ticks):
        share = range(
            load.trickle_changes * tick // ticks, load.trickle_changes * (tick + 1) // ticks
        )
        await _write(
            kafka, (enters(f"t{number}@example.com", chance.choice(names)) for number in share)
        )
        await asyncio.sleep(load.trickle_seconds / load.hurry / ticks)


def _lateness(load: Load, liveintent: FarLiveIntent, began: float) -> dict[str, float]:
    stored: dict[str, float] = {}
    for upload in liveintent.uploads():
        stored[upload.audience_name] = (upload.stored_at - began) * load.hurry
    hot = stored.pop(HOT, 0.0)
    moments = sorted(stored.values())
    return {
        "first": moments[0],
        "median": median(moments),
        "p90": moments[int(len(moments) * 0.9)],
        "worst": moments[-1],
        "hot": hot,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.lanes_at_scale",
        description="Many audiences with a few changes each. Seconds are LiveIntent's, but for CPU and loop lag.",
    )
    parser.add_argument("--audiences", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=3, help="of each audience, at once")
    parser.add_argument("--hot-changes", type=int, default=0, help="of one more audience")
    parser.add_argument("--hurry", type=float, default=100.0)
    parser.add_argument("--requests-per-second", type=float, default=2.0)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--processing-seconds", type=float, default=60.0)
    parser.add_argument("--flush-seconds", type=float, default=60.0)
    parser.add_argument("--trickle-changes", type=int, default=5_000)
    parser.add_argument("--trickle-seconds", type=float, default=3_600.0)
    parser.add_argument("--idle-seconds", type=float, default=600.0)
    return parser


def table_of(phases: Sequence[Phase]) -> str:
    """One row for each thing seen, one column for each phase."""
    rows = [("", *(phase.name for phase in phases))]
    for name in list(asdict(phases[0]))[1:]:
        cells = [getattr(phase, name) for phase in phases]
        rows.append((name, *(_cell(cell) for cell in cells)))
    rows.append(("calls_per_change", *(_cell(phase.calls_per_change) for phase in phases)))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(value: object) -> str:
    match value:
        case float():
            return f"{value:,.1f}"
        case int():
            return f"{value:,}"
        case dict():
            return ", ".join(f"{name} {number:,.0f}" for name, number in value.items())
        case _:
            return str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure once, and print the table."""
    options = vars(_parser().parse_args(arguments))
    print(table_of(asyncio.run(measure(Load(**options)))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
