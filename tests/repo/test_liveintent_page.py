"""docs/liveintent.md tells of every setting of LiveIntent's side, of every named defect, and shows faults that work."""

from pathlib import Path

import pytest

from consumer.cli.audiences import audiences
from consumer.sandbox.fault_scenario import read_scenario
from consumer.settings import SETTING_NAMES
from tests.contract.liveintent_openapi import DEFECTS_OF_AUDIENCES, DEFECTS_OF_PRIVACY, Defect

PAGE = (Path(__file__).parents[2] / "docs" / "liveintent.md").read_text()
OF_LIVEINTENT = ("LIVEINTENT_", "UPLOAD_", "DELIVERY_", "DIRECT_CALL", "PRIVACY_")


@pytest.mark.parametrize("name", [n for n in SETTING_NAMES if n.startswith(OF_LIVEINTENT)])
def test_the_page_tells_of_every_setting_of_liveintents_side(name: str) -> None:
    assert f"`{name}" in PAGE


@pytest.mark.parametrize("defect", DEFECTS_OF_AUDIENCES + DEFECTS_OF_PRIVACY, ids=str)
def test_the_page_names_every_defect_that_is_excepted(defect: Defect) -> None:
    assert defect.name in " ".join(PAGE.split())


@pytest.mark.parametrize("command", [each.name for each in audiences.registered_commands])
def test_the_page_tells_of_every_audience_command(command: str) -> None:
    assert f"`audiences {command}" in PAGE


def test_the_faults_the_page_shows_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(PAGE.split("```toml\n")[1].split("```")[0])

    assert len(read_scenario(file)) == 2
