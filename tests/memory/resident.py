"""How much memory a process has resident, by the system's own count."""

import os
import subprocess
from pathlib import Path

MEBIBYTE = 2**20


def resident_bytes(pid: int | None = None) -> int:
    """Return what a process, or this one, has resident now."""
    return _from_proc(pid, "VmRSS") or _from_ps(pid)


def peak_resident_bytes(pid: int | None = None) -> int:
    """Return the most it has ever had resident, where the system knows; what it has now elsewhere."""
    return _from_proc(pid, "VmHWM") or _from_ps(pid)


def own_bytes() -> int:
    """Return what this process has resident of its own now, without pages of the files it runs: where the system tells
    them apart. Those come and go with whatever else the machine does."""
    return _from_proc(None, "RssAnon") or _from_ps(None)


def peak_own_bytes() -> int:
    """Return the most it has had of its own, if it has as many pages of files now as it had then."""
    files = _from_proc(None, "RssFile")
    return _from_proc(None, "VmHWM") - files if files else _from_ps(None)


def _from_proc(pid: int | None, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid or 'self'}/status").read_text().splitlines()
    except FileNotFoundError:  # not Linux
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def _from_ps(pid: int | None) -> int:
    said = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid or os.getpid())], capture_output=True, check=True
    )
    return int(said.stdout) * 1024
