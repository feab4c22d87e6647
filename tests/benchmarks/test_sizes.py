"""What the scaling runs measure against, and their tables."""

import pytest

from tests.benchmarks.feeds import arrival_feed
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.scaling import main
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
from tests.benchmarks.stand_ins import digest_of_members
from tests.segment_events import hashes_of

RUN = Measurement(events=40_000, seconds=4, cpu_seconds=2, peak_bytes=120 * 2**20, changes=40_000)


@pytest.mark.parametrize("dimension", Dimension)
def test_a_dimension_changes_one_thing_and_never_falls(dimension: Dimension) -> None:
    name = str(dimension).replace("event-bytes", "padding_bytes")
    values = [getattr(size, name) for size in SIZES[dimension]]

    assert values == sorted(set(values))


def test_a_smaller_size_has_no_more_people_than_events() -> None:
    assert smaller(Size(events=1_000, people=900), 0.5) == Size(events=500, people=500)


def test_a_table_has_a_line_for_each_point_and_a_dash_for_what_was_not_measured() -> None:
    rows = table(Dimension.PEOPLE, [Point(400, RUN), Point(40_000, RUN)])

    assert as_text(rows).splitlines()[2].split() == [
        "40,000", "40,000", "10,000", "50.0", "120", "-", "-", "-", "0.50",
    ]  # fmt: skip
    assert as_markdown(rows).splitlines()[0].startswith("| people | events | events/s |")


def test_a_feed_of_arrivals_knows_who_is_in_which_audience_in_the_end() -> None:
    feed = arrival_feed(10, people=4, audiences=2)
    first = {row for n in (0, 2) for row in hashes_of(f"person.{n:09}@example.com")}

    assert len(feed.records) == 10
    assert feed.members["audience_of_the_bench_00000"] == digest_of_members({"EMAIL_HASH": first})


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_small_scaling_run_gives_right_results(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("scaling") / "scaling.json"

    code = main(["--only", "partitions", "--share", "0.02", "--json", str(file)])

    assert code == 0, capsys.readouterr().out
    assert file.stat().st_size > 0
