"""How hard a property is looked into: each says what the gate runs of it, and the profile in use scales that.

`settings(max_examples=...)` on a test or a machine would override the profile, so that `soak` looked no further than
the gate. Use `@effort(examples=...)` on a test and `Machine.TestCase.settings = effort(examples=..., steps=...)`.
"""

from hypothesis import settings

GATE = "gate"


def effort(*, examples: int, steps: int | None = None) -> settings:
    """Settings of the profile in use (tests/conftest.py), with `examples` and `steps` being those of the gate."""
    profile, gate = settings(), settings.get_profile(GATE)
    steps = gate.stateful_step_count if steps is None else steps
    return settings(
        profile,
        max_examples=scaled(examples, profile.max_examples, gate.max_examples),
        stateful_step_count=scaled(steps, profile.stateful_step_count, gate.stateful_step_count),
    )


def scaled(of_the_gate: int, profile: int, gate: int) -> int:
    """As many times more as the profile asks for more than the gate; at least one."""
    return max(1, round(of_the_gate * profile / gate))
