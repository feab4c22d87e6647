import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from consumer.segment.patient_registry import PatientRegistry
from consumer.segment.registry_client import Found, NotFound, RegistryClient, Unavailable

FOUND = Found('"int"', "AVRO")
DOWN = Unavailable("HTTP 503")
REFUSED = Unavailable("HTTP 401", needs_someone=True)
Answer = Found | NotFound | Unavailable


class ScriptedClient(RegistryClient):
    """Gives the answers of a script, the last one for ever."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.paths: list[str] = []

    async def get(self, path: str) -> Answer:
        self.paths.append(path)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Time:
    """A clock that only sleeping moves, and at once."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.naps: list[float] = []
        self.registry: PatientRegistry | None = None
        self.waiting: list[str | None] = []

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds
        if self.registry is not None:
            self.waiting.append(self.registry.waiting)


@pytest.fixture
def time() -> Time:
    return Time()


def a_registry(time: Time, *answers: Answer, random: float = 0.0) -> PatientRegistry:
    time.registry = PatientRegistry(
        ScriptedClient(answers), now=time.now, sleep=time.sleep, random=lambda: random
    )
    return time.registry


async def test_an_answer_is_given_at_once(time: Time) -> None:
    assert await a_registry(time, FOUND).ask("/schemas/ids/7", "schema 7") is FOUND
    assert time.naps == []


async def test_an_outage_is_waited_out_however_long_it_is(time: Time) -> None:
    registry = a_registry(time, *[DOWN] * 2000, FOUND)

    assert await registry.ask("/x", "schema 7") is FOUND
    assert sum(time.naps) > 8 * 3600


@pytest.mark.parametrize(
    ("random", "naps"),
    [(0.0, [1, 2, 4, 8, 15, 15, 15]), (1.0, [2, 4, 8, 16, 30, 30, 30])],
)
async def test_waits_grow_from_one_second_to_thirty(
    time: Time, random: float, naps: list[float]
) -> None:
    await a_registry(time, *[DOWN] * 7, FOUND, random=random).ask("/x", "schema 7")

    assert time.naps == naps


async def test_a_longer_wait_is_kept_when_the_registry_asks_for_it(time: Time) -> None:
    slow_down = Unavailable("HTTP 429", retry_after_seconds=17)

    await a_registry(time, slow_down, FOUND, random=0.5).ask("/x", "schema 7")

    assert time.naps == [17.5]


async def test_a_shorter_wait_than_ours_is_not(time: Time) -> None:
    slow_down = Unavailable("HTTP 429", retry_after_seconds=1)

    await a_registry(time, DOWN, DOWN, slow_down, FOUND).ask("/x", "schema 7")

    assert time.naps == [1, 2, 4]


async def test_no_registry_can_ask_for_more_than_ten_minutes(time: Time) -> None:
    slow_down = Unavailable("HTTP 503", retry_after_seconds=1e9)

    await a_registry(time, slow_down, FOUND).ask("/x", "schema 7")

    assert time.naps == [600]


async def test_not_found_is_believed_when_it_has_lasted_for_half_a_minute(time: Time) -> None:
    registry = a_registry(time, NotFound())

    assert await registry.ask("/x", "schema 7") == NotFound()
    assert time.naps == [1, 2, 4, 8, 15]
    assert sum(time.naps) == 30


async def test_a_schema_that_appears_late_is_found(time: Time) -> None:
    assert await a_registry(time, *[NotFound()] * 3, FOUND).ask("/x", "schema 7") is FOUND


async def test_an_outage_starts_the_time_for_not_found_anew(time: Time) -> None:
    registry = a_registry(time, NotFound(), *[DOWN] * 20, NotFound(), FOUND)

    assert await registry.ask("/x", "schema 7") is FOUND


async def test_it_tells_what_it_waits_for_and_why(time: Time) -> None:
    registry = a_registry(time, DOWN, NotFound(), FOUND)
    assert registry.waiting is None

    await registry.ask("/x", "schema 7")

    assert time.waiting == ["schema 7: HTTP 503", "schema 7: the registry does not have it yet"]
    assert registry.waiting is None


async def test_it_counts_what_else_it_waits_for() -> None:
    never = asyncio.Event()

    async def for_ever(_seconds: float) -> None:
        await never.wait()

    registry = PatientRegistry(ScriptedClient([DOWN]), sleep=for_ever)
    tasks = [asyncio.create_task(registry.ask("/x", f"schema {i}")) for i in (7, 8, 9)]
    await asyncio.sleep(0)

    assert registry.waiting == "schema 7: HTTP 503 (and 2 more)"

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert registry.waiting is None


async def test_an_outage_is_logged_when_it_begins_each_minute_and_when_it_ends(time: Time) -> None:
    registry = a_registry(time, *[DOWN] * 10, FOUND, FOUND)

    with capture_logs() as logs:
        await registry.ask("/x", "schema 7")
        await registry.ask("/x", "schema 8")

    assert sum(time.naps) == 105
    assert [(line["log_level"], line.get("reason")) for line in logs] == [
        ("warning", "HTTP 503"),
        ("warning", "HTTP 503"),
        ("info", None),
    ]


async def test_a_refusal_is_logged_as_something_for_someone_to_do(time: Time) -> None:
    registry = a_registry(time, DOWN, REFUSED, REFUSED, FOUND)

    with capture_logs() as logs:
        await registry.ask("/x", "schema 7")

    assert [(line["log_level"], line.get("reason")) for line in logs] == [
        ("warning", "HTTP 503"),
        ("error", "HTTP 401"),
        ("info", None),
    ]


async def test_not_found_ends_an_outage(time: Time) -> None:
    with capture_logs() as logs:
        await a_registry(time, DOWN, NotFound()).ask("/x", "schema 7")

    assert [line["log_level"] for line in logs] == ["warning", "info"]
