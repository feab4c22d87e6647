"""`python -m tests.fuzz`: hostile bytes, by seed; exit code 1 for a crash, a hang, or memory that grows."""

import argparse
import faulthandler
import sys
import time
from collections.abc import Sequence

import psutil

from tests.fuzz.campaign import HANG_SECONDS, Campaign, Findings

GROWTH_MIB = 32
_WARM_UP = 0.2
_PROGRESS_SECONDS = 10.0
_DEAD_SECONDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the inputs, and tell what became of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many, at least (100000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed does the same again (1)")
    parser.add_argument("--round", type=int, default=None, help="run this round of the seed only")
    options = parser.parse_args(arguments)
    campaign = Campaign(options.seed)
    if options.round is not None:
        campaign.run_round(options.round)
        return _verdict(campaign.findings, 0.0, 1.0)
    faulthandler.enable()
    started = last_told = time.monotonic()
    resident_after_warm_up = 0.0
    # Whatever holds the interpreter for this long is beyond a try and except: say where, and end.
    faulthandler.dump_traceback_later(_DEAD_SECONDS, exit=True)

    def after_round(number: int) -> None:
        nonlocal last_told, resident_after_warm_up
        faulthandler.dump_traceback_later(_DEAD_SECONDS, exit=True)
        done = campaign.findings.inputs
        if not resident_after_warm_up and done >= _WARM_UP * options.inputs:
            resident_after_warm_up = _resident_mib()
        if time.monotonic() - last_told >= _PROGRESS_SECONDS:
            last_told = time.monotonic()
            rate = done / (last_told - started)
            print(
                f"round {number}: {done:,} inputs, {rate:,.0f}/s, {len(campaign.findings.outcomes)} kinds of outcome, "
                f"{_resident_mib():.0f} MiB",
                flush=True,
            )

    findings = campaign.run(options.inputs, after_round=after_round)
    faulthandler.cancel_dump_traceback_later()
    return _verdict(findings, _resident_mib() - resident_after_warm_up, time.monotonic() - started)


def _verdict(findings: Findings, growth_mib: float, seconds: float) -> int:
    for outcome, count in findings.outcomes.most_common():
        print(f"{count:>10,}  {outcome}")
    for trouble in (*findings.crashes[:10], *findings.hangs[:10]):
        print(trouble)
    print(
        f"{findings.inputs:,} inputs, {findings.outcomes.total():,} in an outcome, {len(findings.crashes)} crashes, "
        f"{len(findings.hangs)} over {HANG_SECONDS:g} s, {findings.inputs / seconds:,.0f} inputs/s; slowest "
        f"{findings.slowest_seconds * 1000:.0f} ms ({findings.slowest_input}); RSS grew by {growth_mib:.1f} MiB "
        f"after the first fifth"
    )
    return 0 if findings.is_clean and growth_mib < GROWTH_MIB else 1


def _resident_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


if __name__ == "__main__":
    sys.exit(main())
