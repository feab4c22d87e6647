"""What the suite makes of measurements: figures, table, targets, comparison and result file."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.comparison import changes, ratios_of
from tests.benchmarks.measurement import Measurement
from tests.benchmarks.result_file import document, ratios_in
from tests.benchmarks.rows import Figure, Row, Summary, percentile, summary_of
from tests.benchmarks.table import as_markdown, as_text
from tests.benchmarks.targets import Target, targets

RUN = Measurement(
    events=100_000, seconds=5, cpu_seconds=4, peak_bytes=150 * 2**20, changes=100_000, uploads=700, requests=2_800,
    first_stored_seconds=1.5, latencies=(0.5, 1.1), beside={"broker": 0.5}, threads={"main": 4},
)  # fmt: skip
LONGEST_LINE = 100


def a_summary(row: Row, **changed: object) -> Summary:
    return summary_of(row, [replace(RUN, **changed)])  # type: ignore[arg-type]


def the_results(**of_audiences: object) -> dict[Row, Summary]:
    """Every row, of which decoding and the service differ in what is given."""
    rows = {row: a_summary(row) for row in Row}
    return {**rows, Row.AUDIENCES: a_summary(Row.AUDIENCES, **of_audiences)}


def found(results: dict[Row, Summary], sentence: str) -> Target:
    (target,) = (each for each in targets(results, flush_seconds=1) if sentence in each.sentence)
    return target


def test_of_several_runs_the_middle_one_counts_and_how_far_the_farthest_is() -> None:
    assert Figure.of([10, 8, 30]) == Figure(10, 2.0)
    assert Figure.of([5]) == Figure(5, 0)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_percentile_is_the_least_value_that_its_share_of_all_does_not_exceed(
    values: list[float], share: float
) -> None:
    at = percentile(values, share)

    assert at in values
    assert sum(value <= at for value in values) >= share * len(values)
    assert sum(value < at for value in values) < share * len(values)


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_costs_are_told_for_a_million_events_and_calls_for_a_million_changes() -> None:
    summary = a_summary(Row.MIXED, changes=10_000)

    assert summary.events_per_second.median == 20_000
    assert summary.cpu_seconds_per_million.median == 40
    assert summary.uploads_per_million == 70_000
    assert summary.requests_per_million == 280_000
    assert summary.beside == {"broker": 0.1}


@pytest.mark.parametrize(
    ("sentence", "worse"),
    [
        ("(c) service, audiences: at least 60%", {"seconds": 9}),
        ("resident", {"peak_bytes": 301 * 2**20}),
        ("first change stored", {"first_stored_seconds": 3.1}),
    ],
)
def test_a_target_is_met_until_the_service_gets_worse(
    sentence: str, worse: dict[str, object]
) -> None:
    assert found(the_results(), sentence).met
    assert not found(the_results(**worse), sentence).met


def test_a_change_may_take_a_second_more_than_the_flush_when_idle() -> None:
    results = the_results()
    results[Row.IDLE] = a_summary(Row.IDLE, latencies=(0.5, 2.0))
    assert found(results, "idle").met

    results[Row.IDLE] = a_summary(Row.IDLE, latencies=(0.5, 2.1))
    assert not found(results, "idle").met


def test_two_processes_are_held_against_one() -> None:
    results = the_results()
    assert not found(results, "two processes").met

    results[Row.TWO] = a_summary(Row.TWO, seconds=2.9)
    assert found(results, "two processes").met


def test_mixed_events_are_held_against_decoding_the_same_events() -> None:
    results = the_results()
    results[Row.DECODE_MIXED] = a_summary(Row.DECODE_MIXED, seconds=1)

    assert not found(results, Row.MIXED.label).met
    del results[Row.DECODE_MIXED]
    assert found(results, Row.MIXED.label).met


def test_rows_that_were_not_run_have_no_target() -> None:
    assert targets({}, flush_seconds=1) == []
    assert targets({Row.DECODE: a_summary(Row.DECODE)}, flush_seconds=1) == []


def test_the_table_has_a_line_for_each_row_and_fits_a_terminal() -> None:
    results = the_results()
    lines = as_text(results, []).splitlines()

    assert all(any(line.startswith(row.label) for line in lines) for row in Row)
    assert max(map(len, lines)) <= LONGEST_LINE


def test_the_markdown_table_says_what_its_columns_are_and_which_targets_are_met() -> None:
    results = the_results(seconds=9)
    text = as_markdown(results, targets(results, flush_seconds=1))

    assert "| (c) service, audiences | 11,111 | 40.0 | 56% | 100% | 150 | 7,000 | 28,000 |" in text
    assert "| NOT MET |" in text
    assert "CPU s/M: " in text


@pytest.mark.parametrize("table", [as_text, as_markdown])
def test_a_wrong_result_shows_whatever_the_form(table: object) -> None:
    results = the_results(wrong=("the members are not those they must be in vip",))

    assert callable(table)
    assert "the members are not those they must be in vip" in table(results, [])


def test_a_row_that_needs_a_sixth_more_than_before_is_too_much_and_is_named() -> None:
    before = ratios_of(the_results())
    (dearer, *others) = changes(before, ratios_of(the_results(cpu_seconds=4.7)))

    assert dearer.is_too_much
    assert "(c) service, audiences" in str(dearer)
    assert not any(change.is_too_much for change in others)


def test_a_row_that_needs_a_seventh_more_is_let_pass() -> None:
    (change, *_) = changes(ratios_of(the_results()), ratios_of(the_results(cpu_seconds=4.56)))

    assert not change.is_too_much


def test_a_machine_that_is_slower_at_everything_changes_no_ratio() -> None:
    slower = {row: a_summary(row, cpu_seconds=9) for row in Row}

    assert ratios_of(slower) == ratios_of(the_results())


def test_without_decoding_there_is_nothing_to_compare_with() -> None:
    assert ratios_of({Row.AUDIENCES: a_summary(Row.AUDIENCES)}) == {}


def test_a_result_file_gives_back_the_ratios_it_was_written_with(tmp_path: Path) -> None:
    results, file = the_results(cpu_seconds=7), tmp_path / "bench.json"
    file.write_bytes(document({"machine": "small"}, {"FLUSH_SECONDS": "1"}, results, []))

    assert ratios_in(file) == ratios_of(results)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cpu_per_event_as_multiple_of_b": {"z": 1}}'])
def test_a_file_that_is_no_result_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)

    with pytest.raises(ValueError, match=r"other\.json is no result"):
        ratios_in(file)
