"""Apply each mutant to a copy of the code, and show that the tests see it.

    python -m tests.mutations              every mutant
    python -m tests.mutations lease lane   those with one of these words in their name
    python -m tests.mutations --list

Exit code 0 when every mutant was caught, 1 when one survived, 2 for arguments that cannot be used.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("consumer", "tests", "schemas", "pyproject.toml", "README.md", "docs", "Makefile")
TEST_SECONDS = 600
FAILED, PASSED = 1, 0
_FIRST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said of one mutant. `by` is the first test that failed; empty when none did."""

    mutant: Mutant
    by: str
    seconds: float
    trouble: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument(
        "words", nargs="*", help="only mutants with one of these words in their name"
    )
    parser.add_argument("--list", action="store_true", help="show the mutants and end")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args()
    chosen = [
        mutant
        for mutant in MUTANTS
        if not arguments.words or any(word in mutant.name for word in arguments.words)
    ]
    if not chosen:
        parser.error("no mutant has such a word in its name")
    if arguments.list:
        print("\n".join(mutant.name for mutant in chosen))
        return 0
    with ThreadPoolExecutor(arguments.workers) as workers:
        verdicts = list(workers.map(_told, chosen))
    survived = [verdict for verdict in verdicts if not verdict.by]
    print(f"\n{len(verdicts) - len(survived)} of {len(verdicts)} mutants caught.")
    return 1 if survived else 0


def _told(mutant: Mutant) -> Verdict:
    verdict = try_mutant(mutant)
    end = f"caught by {verdict.by}" if verdict.by else f"SURVIVED {verdict.trouble}"
    print(f"{mutant.name}\n    {end} ({verdict.seconds:.0f} s)", flush=True)
    return verdict


def try_mutant(mutant: Mutant) -> Verdict:
    """Run the mutant's tests on a copy of the tree that has it. The checkout is not touched."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as copy:
        root = Path(copy)
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "mutations")
                shutil.copytree(source, root / name, ignore=ignored)
            else:
                shutil.copy(source, root / name)
        (root / mutant.file).write_text(mutant.applied_to(ROOT))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            *mutant.tests,
        ]
        try:
            run = subprocess.run(
                command, cwd=root, capture_output=True, text=True, timeout=TEST_SECONDS, check=False,
                env={**os.environ, "PYTHONPATH": str(root)},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Verdict(mutant, f"the time-out of {TEST_SECONDS} s", time.monotonic() - began)
    seconds = time.monotonic() - began
    if run.returncode == PASSED:
        return Verdict(mutant, "", seconds)
    first = _FIRST_FAILURE.search(run.stdout)
    if run.returncode != FAILED or first is None:
        # Tests that cannot even be collected prove nothing.
        return Verdict(mutant, "", seconds, trouble=run.stdout[-2000:] + run.stderr[-2000:])
    return Verdict(mutant, first[1], seconds)


if __name__ == "__main__":
    sys.exit(main())
