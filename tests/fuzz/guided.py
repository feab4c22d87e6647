"""`python -m tests.fuzz.guided`: hostile bytes, led to where they reach code of ours that none had reached before.

atheris (libFuzzer) sees which branches of `consumer` an input takes, and damages further what took new ones. Exit code 0:
every input ended in an outcome, in time. 77: an input did not; it is written to the folder for temporary files, as the last
lines say.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

HANG_SECONDS = 1.0
_LONGEST = 8_192
# Of wall-clock time, for what holds the interpreter for good; the processor's seconds are counted below.
_DEAD_SECONDS = 60
_MEMORY_MIB = 1_024


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the inputs. Does not return when they are done: libFuzzer ends the process itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("--inputs", type=int, default=300_000, help="how many (300000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first inputs (1)")
    options = parser.parse_args(arguments)
    with atheris.instrument_imports(include=["consumer"], enable_loader_override=False):
        from tests.fuzz.guided_targets import GuidedTargets  # noqa: PLC0415 - instrumented as it comes in
    targets = GuidedTargets(options.seed)
    outcomes: Counter[str] = Counter()

    def one_input(data: bytes) -> None:
        started = time.thread_time()
        outcomes[targets.outcome(data)] += 1
        seconds = time.thread_time() - started
        if seconds > HANG_SECONDS:
            message = f"{seconds:.1f} s for {len(data)} bytes"
            raise TimeoutError(message)
        if outcomes.total() == options.inputs:
            for outcome, count in outcomes.most_common():
                print(f"{count:>10,}  {outcome}")
            print(
                f"{outcomes.total():,} guided inputs, each in one of {len(outcomes)} kinds of outcome; "
                f"0 crashes, 0 over {HANG_SECONDS:g} s",
                flush=True,
            )

    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory)
        for number, sample in enumerate(targets.samples):
            (corpus / f"{number:04}").write_bytes(sample)
        atheris.Setup(
            [
                "guided", str(corpus), f"-runs={options.inputs}", f"-seed={options.seed}", f"-max_len={_LONGEST}",
                f"-timeout={_DEAD_SECONDS}", f"-rss_limit_mb={_MEMORY_MIB}", f"-artifact_prefix={tempfile.gettempdir()}/",
            ],
            one_input,
        )  # fmt: skip
        atheris.Fuzz()
    return 0  # pragma: no cover - Fuzz does not come back


if __name__ == "__main__":
    sys.exit(main())
