"""Every property honours the profile: a test that fixed its own number of examples would make `soak` a name only."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.properties.effort import effort, scaled

HERE = Path(__file__).parent


def test_the_profile_in_use_scales_what_a_test_asks_for() -> None:
    gate, soak = settings.get_profile("gate"), settings.get_profile("soak")
    profile = settings()

    asked = effort(examples=30, steps=20)

    assert (asked.derandomize, asked.deadline) == (profile.derandomize, None)
    assert asked.max_examples == 30 * profile.max_examples // gate.max_examples
    assert asked.stateful_step_count == 20 * profile.stateful_step_count // gate.stateful_step_count
    assert soak.max_examples > gate.max_examples
    assert not soak.derandomize


@pytest.mark.parametrize(("profile", "expected"), [(100, 30), (5000, 1500), (1, 1)])
def test_effort_grows_and_shrinks_in_proportion(profile: int, expected: int) -> None:
    assert scaled(30, profile, 100) == expected


@pytest.mark.parametrize("module", sorted(HERE.glob("test_*.py")), ids=lambda path: path.stem)
def test_no_property_overrides_the_profile(module: Path) -> None:
    text = module.read_text(encoding="utf-8")

    assert "max_examples" + "=" not in text.replace("effort.py", "")
    assert "stateful_step_count" + "=" not in text
