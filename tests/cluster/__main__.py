"""`python -m tests.cluster IMAGE_ARCHIVE [PYTEST_ARGUMENTS]`: run the cluster's tests, in namespaces of their own. Needs root.

Network, mounts and processes are the tests' own: nothing outside is changed, ports are free, and the end of this process
is the end of every process of the cluster. `tests.cluster.fetch` must have been run before: there is no way out from in here.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

IMAGE = "SEGMENT_LIVEINTENT_CLUSTER_IMAGE"
"""The image as an OCI archive; set only inside the namespaces."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")
_NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")  # fmt: skip


def main() -> int:
    """Run pytest in there; its exit code is ours."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_file():
        sys.exit("Which image? Give an OCI archive, as `IMAGE_ARCHIVE=... make image` keeps it.")
    if os.geteuid() != 0:
        sys.exit("A cluster needs root.")
    os.environ[IMAGE] = str(Path(sys.argv[1]).resolve())
    pytest = [sys.executable, "-m", "pytest", str(Path(__file__).parent), *sys.argv[2:]]
    try:
        return subprocess.run(["unshare", *_NAMESPACES, *pytest], check=False).returncode
    finally:
        _remove_empty_control_groups()


def _remove_empty_control_groups() -> None:
    """What a kubelet leaves outside its namespaces. Groups with processes, of whatever else runs here, stay."""
    folders = CONTROL_GROUPS.glob("**/kubepods/**/")
    for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()


if __name__ == "__main__":
    sys.exit(main())
