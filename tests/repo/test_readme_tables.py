import pytest

from consumer.settings import FILE_NAMES, KNOWN_NAMES, SETTING_NAMES
from consumer.telemetry.metrics import PREFIX
from tests.repo.readme_tables import README, metrics_table, tables, with_tables

UPDATE = "run: python -m tests.repo.update_readme"


def test_the_readme_shows_the_settings_and_metrics_of_the_code() -> None:
    readme = README.read_text("utf-8")

    assert readme == with_tables(readme), UPDATE


def test_every_setting_is_in_its_table_once_with_a_meaning() -> None:
    rows = [
        line.split(" | ") for line in tables()["settings"].splitlines() if line.startswith("| `")
    ]

    assert sorted(row[0].strip("|` ") for row in rows) == sorted(SETTING_NAMES)
    assert all(len(row) == 3 and len(row[2]) > 20 for row in rows)


def test_every_name_that_can_be_set_is_mentioned() -> None:
    table = tables()["settings"]

    assert [name for name in KNOWN_NAMES if f"`{name}`" not in table] == []
    assert "LIVEINTENT_API_KEY_FILE" in FILE_NAMES


def test_every_metric_has_our_prefix_a_type_and_a_meaning() -> None:
    rows = [line.strip("| ").split(" | ") for line in metrics_table().splitlines()[2:]]

    assert len(rows) > 40
    assert all(row[0].startswith(f"`{PREFIX}_") for row in rows)
    assert all(row[1] in {"counter", "gauge", "histogram", "info"} for row in rows)
    assert all(row[-1].endswith(".") for row in rows)


def test_the_books_are_in_the_table_with_their_labels() -> None:
    assert f"| `{PREFIX}_records_ignored_total` | counter | `reason` |" in metrics_table()


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="substring not found"):
        with_tables("# Nothing here\n")
