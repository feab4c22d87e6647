"""What the compose file gives Prometheus and Grafana, read by Prometheus's own tool and held against what Grafana documents."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.paths import CHART, ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
# The keys of provisioned data sources and dashboards, as Grafana's administrators' manual lists them.
SOURCE_KEYS = {"name", "type", "access", "orgId", "uid", "url", "isDefault", "jsonData", "editable"}
PROVIDER_KEYS = {"name", "orgId", "folder", "folderUid", "type", "disableDeletion", "options"}


def configuration(name: str) -> str:
    text: str = COMPOSE["configs"][name]["content"]
    return text


@pytest.mark.promtool
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is not on the PATH. On Debian: apt-get install prometheus")
    file = tmp_path / "prometheus.yml"
    file.write_text(configuration("prometheus"))

    done = subprocess.run(
        [promtool, "check", "config", "--lint=all", "--lint-fatal", str(file)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 0, done.stderr + done.stdout


def test_grafana_finds_a_data_source_and_the_dashboards_that_are_mounted() -> None:
    sources = yaml.safe_load(configuration("grafana-datasource"))
    providers = yaml.safe_load(configuration("grafana-dashboards"))
    grafana = COMPOSE["services"]["grafana"]
    (mounted,) = (each.split(":") for each in grafana["volumes"])
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    (source,) = sources["datasources"]
    (provider,) = providers["providers"]
    assert (sources["apiVersion"], providers["apiVersion"]) == (1, 1)
    assert source.keys() <= SOURCE_KEYS
    assert provider.keys() <= PROVIDER_KEYS
    assert (source["type"], source["access"], source["isDefault"]) == ("prometheus", "proxy", True)
    assert (provider["type"], provider["options"]["path"]) == ("file", mounted[1])
    assert (CHART / "dashboards").samefile(ROOT / mounted[0])
    assert str(home.parent) == mounted[1]
    assert (CHART / "dashboards" / home.name).is_file()
