"""The chart, the README and the program agree on what can be set. Needs no Helm."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from consumer.settings import FILE_NAMES, KNOWN_NAMES, SECRET_NAMES, SETTING_NAMES
from tests.chart.generate import SCHEMA, generated
from tests.chart.paths import CHART, ROOT, VARIANTS
from tests.chart.settings_schema import SET_BY_REPLAY
from tests.chart.values import merged
from tests.chart.values_table import chart_values
from tests.repo.readme_tables import README
from tests.repo.test_named_tests_exist import missing_from, named_in

UPDATE = "run: python -m tests.chart.generate"
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_what_is_made_from_code_is_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == generated()[path], UPDATE


def test_every_setting_of_the_program_can_be_set_and_nothing_else(schema: dict[str, Any]) -> None:
    settings = set(schema["properties"]["settings"]["properties"])
    secrets = set(schema["properties"]["secrets"]["properties"])

    assert settings == set(KNOWN_NAMES) - set(SECRET_NAMES) - SET_BY_REPLAY
    assert {f"{name}_FILE" for name in secrets} == set(FILE_NAMES)
    assert settings | secrets | SET_BY_REPLAY == set(KNOWN_NAMES)


def test_the_chart_the_readmes_table_and_the_program_know_the_same_settings(
    schema: dict[str, Any],
) -> None:
    table = (
        README.read_text("utf-8").split("<!-- settings:begin -->")[1].split("<!-- settings:end")[0]
    )
    in_readme = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))
    in_chart = set(schema["properties"]["settings"]["properties"]) - set(FILE_NAMES)

    assert in_readme == set(SETTING_NAMES) == in_chart | set(SECRET_NAMES) | SET_BY_REPLAY


def test_the_schema_is_one_that_both_helms_can_read(schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(schema)

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_every_value_has_a_description_and_a_place_in_the_schema(schema: dict[str, Any]) -> None:
    values = chart_values()

    assert [value.path for value in values if not value.meaning and not value.is_group] == []
    assert [value.path for value in values if not _in_schema(schema, value.path)] == []
    assert len(values) > 100


def test_the_schema_knows_no_value_that_the_values_do_not_show(schema: dict[str, Any]) -> None:
    shown = {value.path for value in chart_values()}

    assert [path for path in _closed_paths(schema) if path not in shown] == []


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)
def test_each_variants_values_fit_the_schema(variant: Path, schema: dict[str, Any]) -> None:
    values = merged(DEFAULTS, yaml.safe_load(variant.read_text("utf-8")))

    jsonschema.validate(values, schema, cls=jsonschema.Draft7Validator)


def test_the_drain_fits_into_the_grace_period_kubernetes_gives_by_default() -> None:
    defaults = json.loads((CHART / "files" / "settings.json").read_text("utf-8"))["defaults"]

    assert defaults["DRAIN_SECONDS"] + 10 <= 30


def test_the_chart_is_of_this_version_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

    assert chart["appVersion"] == version
    assert f"## {chart['version']}\n" in (CHART / "CHANGELOG.md").read_text("utf-8")
    assert f":{version}" in chart["annotations"]["artifacthub.io/images"]


def test_every_test_that_the_charts_readme_names_is_there() -> None:
    readme = (CHART / "README.md").read_text("utf-8")

    assert missing_from(readme) == []
    assert len(named_in(readme)) > 15


def _in_schema(schema: dict[str, Any], path: str) -> bool:
    at = schema
    for name in path.split("."):
        at = at.get("properties", {}).get(name, {})
    return bool(at)


def _closed_paths(schema: dict[str, Any], above: str = "") -> list[str]:
    """Every path the schema names, but for what is inside a value that values.yaml shows whole."""
    whole = {"settings", "secrets", "probes.startup", "probes.liveness", "probes.readiness"}
    whole |= {"scalingPace.scaleUp", "scalingPace.scaleDown", "replay.to"}
    found: list[str] = []
    for name, child in schema.get("properties", {}).items():
        path = f"{above}{name}"
        found.append(path)
        if path not in whole:
            found += _closed_paths(child, f"{path}.")
    return found
