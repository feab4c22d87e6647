"""Fixtures every test may ask for, and the rules every test runs under."""

import importlib
import inspect
import logging
import os
import secrets
from collections.abc import Generator, Iterator

import pytest
import structlog
from blockbuster import BlockBuster
from hypothesis import HealthCheck, settings

from consumer.kafka import poll_loop
from consumer.sandbox.embedded_kafka import EmbeddedKafka
from tests.kafka_cluster import TEST_KAFKA, ClusterKind, KafkaCluster, kind_under_test
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.kafka_cluster.maven import JavaUnavailable
from tests.kafka_cluster.owned_consumer import OwnedConsumer
from tests.kafka_cluster.real_kafka import RealKafka, kafka_jars

# typer decides about colours once, as this module of its comes in: not by what one test has set for another thing.
for _forced in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
    os.environ.pop(_forced, None)
importlib.import_module("typer.rich_utils")

KAFKA_MARK = "kafka"
EITHER_KAFKA_MARK = "either_kafka"

# In the gate the same examples each time; HYPOTHESIS_PROFILE=soak looks for new ones, SOAK_TIMES as many, in longer
# runs of each machine. tests/properties/effort.py scales what a test asks for. No deadline: machines differ.
SOAK_TIMES = int(os.environ.get("SOAK_TIMES", "50"))
LOADED_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "gate", LOADED_MACHINE, derandomize=True, max_examples=100, stateful_step_count=50
)
settings.register_profile(
    "soak",
    LOADED_MACHINE,
    derandomize=False,  # said, because hypothesis's own default is another where the variable CI is set
    max_examples=100 * SOAK_TIMES,
    stateful_step_count=100,
    print_blob=True,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads its options
def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt TEST_KAFKA, and fetch Kafka's jars before the first test's time starts to run."""
    if not settings().derandomize and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))
    try:
        if kind_under_test() is ClusterKind.REAL and not config.option.collectonly:
            kafka_jars()
    except (ValueError, JavaUnavailable) as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)  # before -m is looked at, and after the order was drawn
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Mark what runs on either Kafka, so that `-m either_kafka` repeats no test to which the broker is nothing.

    Leave out what needs a real one unless TEST_KAFKA asks for it: nobody starts a broker by accident. Where it does,
    the longest come first: begun last, one of them alone would keep the other workers waiting.
    """
    for item in items:
        if "kafka_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(EITHER_KAFKA_MARK)
    if kind_under_test() is ClusterKind.EMBEDDED:
        left_out = [item for item in items if item.get_closest_marker(KAFKA_MARK) is not None]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]
    yield
    if kind_under_test() is ClusterKind.REAL:
        items.sort(key=_minutes_allowed, reverse=True)


def _minutes_allowed(item: pytest.Item) -> int:
    limit = item.get_closest_marker("timeout")
    return int(limit.args[0]) // 60 if limit is not None and limit.args else 0


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.getoption("--hypothesis-seed")
    again = [] if seed is None else [f"hypothesis: run again with --hypothesis-seed={seed}"]
    return [f"{TEST_KAFKA}: {kind_under_test()}", *again]


@pytest.fixture
def embedded_kafka() -> Iterator[EmbeddedKafka]:
    """A mock cluster of one broker, for this test alone, whatever TEST_KAFKA says: for faults."""
    with EmbeddedKafka() as kafka:
        yield kafka


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """A real broker for the whole run, one for each worker. Name topics and groups with `unique_name`; leave it running."""
    with RealKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def kafka_cluster(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    """The cluster TEST_KAFKA asks for: embedded (the default, new for each test), or this worker's one real broker."""
    if kind_under_test() is ClusterKind.REAL:
        broker: RealKafka = request.getfixturevalue("real_kafka")
        yield broker
    else:
        with EmbeddedCluster() as embedded:
            yield embedded


@pytest.fixture(autouse=True)
def one_thread_owns_the_consumer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which the service's consumer is used by any thread but its owner (decision 1)."""
    monkeypatch.setattr(poll_loop, "Consumer", OwnedConsumer)
    OwnedConsumer.misuses.clear()
    yield
    assert OwnedConsumer.misuses == []


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a test configures of the logs: the level of one would hide the lines another looks for."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def blocking_calls() -> BlockBuster:
    """The calls a coroutine must not make: they stop the event loop, and with it every other task."""
    blockbuster = BlockBuster()
    functions = blockbuster.functions
    for lock in ("threading.Lock.acquire", "threading.Lock.acquire_lock"):
        # Locks held for microseconds (metrics, logging, the ledger) would be reported whenever two threads happen to
        # meet; which test that hits is chance.
        del functions[lock]
    for write in ("io.TextIOWrapper.write", "io.BufferedWriter.write", "os.write"):
        # Log lines go to stdout on the loop, as in production; in a test stdout may be a file.
        functions[write].can_block_in("structlog/_output.py", {"msg", "write"})
        functions[write].can_block_in("logging/__init__.py", {"emit", "flush"})
        functions[write].can_block_in("_pytest/capture.py", {"readouterr"})
    for read in ("io.BufferedReader.read", "io.TextIOWrapper.read", "os.stat", "os.listdir"):
        # Imports and tracebacks of code that is first reached inside a coroutine.
        functions[read].can_block_in("<frozen importlib._bootstrap>", {"_find_and_load"})
        # /proc is memory.
        functions[read].can_block_in("prometheus_client/process_collector.py", {"collect"})
        functions[read].can_block_in("_pytest/capture.py", {"readouterr"})
        functions[read].can_block_in("linecache.py", {"checkcache", "updatecache"})
    return blockbuster


@pytest.fixture(autouse=True)
def no_blocking_calls_in_coroutines(
    request: pytest.FixtureRequest, blocking_calls: BlockBuster
) -> Iterator[None]:
    """Fail an async test that blocks its event loop: file, socket, sleep. Calls into librdkafka go unseen."""
    function = getattr(request.node, "function", None)
    if not inspect.iscoroutinefunction(function):
        yield
        return
    blocking_calls.activate()
    try:
        yield
    finally:
        blocking_calls.deactivate()
