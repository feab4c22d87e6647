"""What the chart's README tells a newcomer to do leads to an audience; in a real cluster: tests/cluster."""

from pathlib import Path

import pytest

from tests.chart.newcomer import follow, install_command, values_of
from tests.chart.paths import CHART, ROOT
from tests.chart.pod_process import PodFailed, pod_process
from tests.chart.rendering import objects, pods

pytestmark = [pytest.mark.chart, pytest.mark.timeout(240)]


def test_five_values_lead_to_an_audience_with_members_and_a_clean_end(
    helm4: Path, tmp_path: Path
) -> None:
    outcome = follow(helm4, tmp_path / "pod", lambda _: None)

    assert len(values_of(install_command())) == 5
    assert outcome.members > 0
    assert outcome.exit_codes == {"consumer": 0, "sandbox": 0}


def test_both_readmes_tell_the_same_command() -> None:
    command = (CHART / "README.md").read_text("utf-8").partition("helm install try")[2]

    assert command.partition("\n```")[0] + "\n" in (ROOT / "README.md").read_text("utf-8")


def test_a_pod_whose_program_ends_is_told_with_what_it_said(helm4: Path, tmp_path: Path) -> None:
    among = dict(pods(objects(helm4, CHART / "ci" / "sandbox-values.yaml")))
    pod = among["Deployment/r-segment-liveintent"]
    pod["spec"]["containers"][0]["args"] = ["no-such-command"]

    with pod_process(pod, tmp_path / "pod", sidecar_port=8081) as running:
        running.start()

        with pytest.raises(PodFailed, match=r"consumer ended with 2(.|\n)*no-such-command"):
            running.wait_for_probe("consumer", "startupProbe")
