"""What processes have used of the machine, by the system's own count."""

from collections import defaultdict
from pathlib import Path

import psutil


def cpu_seconds(*pids: int) -> float:
    """Processor time of these processes and of their children, user and system, since each began."""
    tops = [psutil.Process(pid) for pid in pids]
    everybody = [process for top in tops for process in (top, *top.children(recursive=True))]
    return sum(sum(process.cpu_times()[:2]) for process in everybody)


def cpu_seconds_by_thread(pid: int) -> dict[str, float]:
    """The same by what the threads are called; Python's are all called alike, but for the first: `main`."""
    found: defaultdict[str, float] = defaultdict(float)
    for thread in psutil.Process(pid).threads():
        name = "main" if thread.id == pid else _name(pid, thread.id)
        found[name] += thread.user_time + thread.system_time
    return dict(found)


def _name(pid: int, thread: int) -> str:
    try:
        return Path(f"/proc/{pid}/task/{thread}/comm").read_text().strip()
    except FileNotFoundError:  # it has ended, or this is not Linux
        return "other"
