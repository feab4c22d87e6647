"""The figures the memory budget is made of are not too low."""

import pytest

from tests.memory.costs import cost_of
from tests.memory.shapes import SHAPES

# As LATEST_STATE_MEMBERS says of itself.
REMEMBERED_VALUE_BYTES = 600


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [*SHAPES, "finished behind an unfinished one"])
def test_a_record_takes_no_more_memory_than_the_budget_is_charged_for_it(name: str) -> None:
    cost = cost_of(name)

    assert cost.peak_bytes <= cost.charged_bytes


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["remembered value, of an email", "remembered value, of a device"])
def test_what_is_remembered_of_a_member_takes_no_more_memory_than_is_stated(name: str) -> None:
    cost = cost_of(name)

    assert cost.peak_bytes <= cost.count * REMEMBERED_VALUE_BYTES
