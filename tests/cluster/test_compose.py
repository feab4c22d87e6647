"""The compose file as Docker Compose reads it: by its own loader, strictly."""

import subprocess
from pathlib import Path

import yaml

from tests.chart.paths import ROOT
from tests.cluster.fetch import programs

FILE = ROOT / "compose.yaml"


def test_docker_composes_own_loader_understands_the_compose_file() -> None:
    done = _loaded(FILE)

    assert done.returncode == 0, done.stderr
    understood = yaml.safe_load(done.stdout)
    assert understood["services"].keys() == yaml.safe_load(FILE.read_text())["services"].keys()
    assert 'create="/opt/kafka' in str(understood["services"]["topics"]["command"])


def test_a_misspelt_key_would_have_been_refused(tmp_path: Path) -> None:
    misspelt = tmp_path / "compose.yaml"
    misspelt.write_text(FILE.read_text().replace("read_only", "raed_only"))

    done = _loaded(misspelt)

    assert done.returncode == 1
    assert "services.consumer.raed_only" in done.stderr


def _loaded(file: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(programs() / "compose"), str(file)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
