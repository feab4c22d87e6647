"""A sampling profiler for the main thread of a program: `python -m tests.benchmarks.sampling FILE -m module arguments`.

Every few milliseconds it notes what the main thread is doing, and how much processor time that thread has used since:
waiting weighs nothing, and small functions look no dearer than they are. Imports are left out. When the program ends,
FILE has the seconds as JSON.
"""

import runpy
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import orjson

INTERVAL_SECONDS = 0.002
# How soon the main thread hands over. By default it goes on for 5 ms, and most samples would find it where it waits.
_SWITCH_SECONDS = 0.0001
_IMPORT = "<frozen importlib"
_SHOWN = 50


class Sampler:
    """Takes samples from `start` to `stop`. `own` has the seconds of each function itself, `within` with what it calls."""

    def __init__(self) -> None:
        self.own: defaultdict[str, float] = defaultdict(float)
        self.within: defaultdict[str, float] = defaultdict(float)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        clock = time.pthread_getcpuclockid(main)
        before = time.clock_gettime(clock)
        while not self._stop.wait(INTERVAL_SECONDS):
            frame = sys._current_frames().get(main)
            now = time.clock_gettime(clock)
            if frame is not None:
                self._note(list(dict.fromkeys(_names(frame))), now - before)
            before = now
            # It would keep what the function works on, until the next sample.
            del frame

    def _note(self, names: list[str], seconds: float) -> None:
        if any(_IMPORT in name for name in names):
            return
        self.own[names[0]] += seconds
        for name in names:
            self.within[name] += seconds


def report(file: Path) -> str:
    """What is in a file of samples, for people: shares of the whole, the largest first."""
    said = orjson.loads(file.read_bytes())
    whole = sum(said["own"].values())
    lines = []
    for title, seconds in (("function itself", "own"), ("function and what it calls", "within")):
        lines += ["", f"share of {whole:.1f} s of the main thread: the {title}"]
        ordered = sorted(said[seconds].items(), key=lambda item: -item[1])[:_SHOWN]
        lines += [f"{part / whole:7.1%}  {name}" for name, part in ordered]
    return "\n".join(lines)


def _names(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        for root in ("/site-packages/", "/lib/python", "/consumer/"):
            _, found, rest = file.rpartition(root)
            if found:
                file = f"consumer/{rest}" if root == "/consumer/" else rest
                break
        yield f"{code.co_qualname} ({file}:{code.co_firstlineno})"
        frame = frame.f_back


def _main() -> None:
    file, dash_m, module, *arguments = sys.argv[1:]
    assert dash_m == "-m"
    sys.argv = [module, *arguments]
    sys.setswitchinterval(_SWITCH_SECONDS)
    sampler = Sampler()
    sampler.start()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sampler.stop()
        said = {"own": sampler.own, "within": sampler.within}
        Path(file).write_bytes(orjson.dumps(said))


if __name__ == "__main__":
    _main()
