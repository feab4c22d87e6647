"""Each alert against made-up series, by Prometheus's own promtool."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.monitoring.rules import default_values, rendered

ALERT_TESTS = Path(__file__).parent / "alerts"
PROMTOOL_SECONDS = 60


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is not on the PATH. On Debian: apt-get install prometheus")
    return found


def run(promtool: str, *arguments: str, directory: Path) -> tuple[int, str]:
    done = subprocess.run(
        [promtool, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PROMTOOL_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.promtool
def test_promtool_finds_no_fault_in_the_rules(promtool: str, tmp_path: Path) -> None:
    rendered(default_values()).write(tmp_path / "rules.yml")

    code, said = run(
        promtool, "check", "rules", "--lint=all", "--lint-fatal", "rules.yml", directory=tmp_path
    )
    assert code == 0, said


@pytest.mark.promtool
@pytest.mark.parametrize("name", [path.name for path in sorted(ALERT_TESTS.glob("*.yml"))])
def test_alerts_fire_when_they_should_and_not_before(
    promtool: str, tmp_path: Path, name: str
) -> None:
    rendered(default_values()).write(tmp_path / "rules.yml")
    shutil.copy(ALERT_TESTS / name, tmp_path / name)

    code, said = run(promtool, "test", "rules", name, directory=tmp_path)
    assert code == 0, said
