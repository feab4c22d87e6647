import asyncio
import io

import pytest
from rich.console import Console

from consumer.cli.demo import DemoPlan, play
from consumer.service import Service


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_whole_system_ends_where_the_feed_meant_it_to(seed: int) -> None:
    plan = DemoPlan(events=1_500, once=True, seed=seed, port=0)

    async with asyncio.timeout(50):
        result = await play(plan, Console(file=io.StringIO()), service_from=Service)

    assert [each for each in result.verdict.findings if not each.ok] == []
    assert result.moment.finished == 1_500
    assert sum(audience.uploads for audience in result.moment.audiences) > 12
