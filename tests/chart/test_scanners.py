"""What scanners have against the chart and the Dockerfile, less what was decided otherwise, with the reason."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.chart.paths import ROOT, VARIANTS
from tests.chart.rendering import rendered

pytestmark = pytest.mark.chart

SCAN_SECONDS = 240
TEST_SECONDS = 480

# A check of checkov's, the kinds and variants it is not followed for ("": all), and why.
EXCEPTIONS = {
    "CKV_K8S_11": ("", "CPU limits throttle: polls and heartbeats come late, and the member is put out of its group."),
    "CKV_K8S_15": ("", "A tag or digest names one image; pulling it always makes the registry a part of every start."),
    "CKV_K8S_43": ("", "The digest is the installer's to give: image.digest. Variant full has one."),
    "CKV_K8S_8": ("Pod.", "The pods of `helm test` run once and end."),
    "CKV_K8S_9": ("Pod.", "The pods of `helm test` run once and end."),
    "CKV_K8S_40": ("openshift", "OpenShift chooses the user id, and a high one."),
    "CKV_K8S_21": ("full", "The extra objects of that variant name no namespace, as an installer may do."),
}  # fmt: skip


@pytest.mark.timeout(TEST_SECONDS)
def test_checkov_finds_only_what_was_decided_otherwise(
    checkov: Path, helm4: Path, tmp_path: Path
) -> None:
    for variant in VARIANTS:
        (tmp_path / f"{variant.stem}.yaml").write_text(rendered(helm4, variant))

    done = subprocess.run(
        [str(checkov), "-d", str(tmp_path), "--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "-o", "json"],
        capture_output=True, text=True, timeout=SCAN_SECONDS, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)

    failed = [
        (each["check_id"], f"{each['file_path']} {each['resource']}")
        for each in found["results"]["failed_checks"]
    ]
    unexplained = [each for each in failed if EXCEPTIONS.get(each[0], ("\0",))[0] not in each[1]]
    assert unexplained == []
    assert set(EXCEPTIONS) == {check for check, _ in failed}, "an exception nobody needs"
    assert found["summary"]["passed"] > 1000
    assert found["summary"]["parsing_errors"] == 0


def test_hadolint_has_nothing_against_the_dockerfile(hadolint: Path) -> None:
    done = subprocess.run(
        [str(hadolint), "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True, text=True, timeout=SCAN_SECONDS, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_hadolint_sees_a_slip(hadolint: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && sudo pip install x\n")
    done = subprocess.run(
        [str(hadolint), str(tmp_path / "Dockerfile")],
        capture_output=True, text=True, timeout=SCAN_SECONDS, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "DL3007" in done.stdout
