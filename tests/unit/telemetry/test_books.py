from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from consumer.record import IgnoreReason, RejectReason
from consumer.telemetry.books import BooksCollector, BooksSnapshot

PREFIX = "segment_liveintent_records"
BOOKS = BooksSnapshot(
    consumed=100,
    delivered=60,
    ignored={IgnoreReason.STALE: 20, "a_later_reason": 2},
    dead_lettered={RejectReason.UNDECODABLE: 3},
    released=5,
    pending=10,
)


def registry_of(snapshot: BooksSnapshot) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(BooksCollector(lambda: snapshot))
    return registry


def test_a_scrape_shows_the_snapshot() -> None:
    registry = registry_of(BOOKS)

    assert registry.get_sample_value(f"{PREFIX}_consumed_total") == 100
    assert registry.get_sample_value(f"{PREFIX}_delivered_total") == 60
    assert registry.get_sample_value(f"{PREFIX}_ignored_total", {"reason": "stale"}) == 20
    assert registry.get_sample_value(f"{PREFIX}_ignored_total", {"reason": "a_later_reason"}) == 2
    assert (
        registry.get_sample_value(f"{PREFIX}_dead_lettered_total", {"reason": "undecodable"}) == 3
    )
    assert registry.get_sample_value(f"{PREFIX}_released_total") == 5
    assert registry.get_sample_value(f"{PREFIX}_pending") == 10


def test_every_reason_is_there_from_the_start() -> None:
    registry = registry_of(BooksSnapshot())

    for reason in IgnoreReason:
        assert registry.get_sample_value(f"{PREFIX}_ignored_total", {"reason": reason}) == 0
    for refusal in RejectReason:
        assert registry.get_sample_value(f"{PREFIX}_dead_lettered_total", {"reason": refusal}) == 0


def test_one_scrape_reads_the_books_once_and_registering_not_at_all() -> None:
    reads: list[None] = []

    def read() -> BooksSnapshot:
        reads.append(None)
        return BOOKS

    registry = CollectorRegistry()
    registry.register(BooksCollector(read))
    assert len(reads) == 0

    generate_latest(registry)
    assert len(reads) == 1


def test_the_difference_is_what_no_count_accounts_for() -> None:
    assert BOOKS.difference == 0
    assert BooksSnapshot(consumed=3, delivered=1, pending=1).difference == 1


def test_the_books_are_valid_openmetrics() -> None:
    text = openmetrics.generate_latest(registry_of(BOOKS)).decode()  # type: ignore[no-untyped-call]
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]

    assert families[0].name == f"{PREFIX}_consumed"
    assert len(families) == 6
