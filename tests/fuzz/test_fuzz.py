"""A few thousand of the inputs of `python -m tests.fuzz`, and that it would see what it looks for."""

from unittest.mock import patch

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.campaign import INPUTS_PER_ROUND, Campaign
from tests.fuzz.targets import Target

INPUTS = 4_000


def test_no_hostile_bytes_crash_or_hold_the_decoder() -> None:
    findings = Campaign(seed=20).run(INPUTS)

    assert findings.crashes == []
    assert findings.hangs == []
    assert findings.outcomes.total() == findings.inputs >= INPUTS


def test_the_inputs_reach_every_kind_of_outcome() -> None:
    outcomes = Campaign(seed=20).run(INPUTS).outcomes

    for kind in (
        "changes", "ignored no_membership", "schema needed", "rejected undecodable: EOFError", "rejected refused_schema: ",
        "rejected invalid_event: ", "schema loaded", "schema refused: ", "registry: Found", "registry: Unavailable",
        "mapping refused", "mapping used: SegmentEvent",
    ):  # fmt: skip
        assert any(outcome.startswith(kind) for outcome in outcomes), kind


def test_the_same_seed_does_the_same_again() -> None:
    one, other = Campaign(seed=3), Campaign(seed=3)

    one.run_round(7)
    other.run_round(7)

    assert one.findings.outcomes == other.findings.outcomes


def test_a_crash_of_the_decoder_is_told_and_ends_in_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with patch.object(Target, "outcome", side_effect=RuntimeError("broken")):
        exit_code = main(["--round", "0"])

    told = capsys.readouterr().out
    assert exit_code == 1
    assert "RuntimeError: broken" in told
    assert "round 0, input " in told


def test_an_input_that_holds_the_decoder_over_a_second_is_told() -> None:
    ticks = iter(range(0, 10_000, 2))

    campaign = Campaign(seed=1, clock=lambda: next(ticks))
    campaign.run_round(0)

    assert len(campaign.findings.hangs) == INPUTS_PER_ROUND
    assert not campaign.findings.is_clean
