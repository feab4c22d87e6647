"""The status page's pictures for docs/operations.md: the real service, well on a laptop and refused on a phone."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from tests.pages.chromium import LAPTOP, PHONE, Screen, a_tab, chromium
from tests.pages.states import STATES, State
from tests.scenarios.harness import eventually

# A phone's real sharpness would make a file three times as large.
_SHOWN = {
    "healthy": ("status-healthy.png", LAPTOP),
    "paused-by-401": ("status-paused-by-401.png", replace(PHONE, scale=1.25)),
}
_INSTANCE = "segment-liveintent-6d4b9c7f5-x2v8q"


def main(directory: Path) -> None:
    """Write them into the directory."""
    os.environ["HOSTNAME"] = _INSTANCE
    with chromium() as address:
        for state in STATES:
            if state.name in _SHOWN:
                name, screen = _SHOWN[state.name]
                asyncio.run(_picture(address, state, screen, directory / name))


async def _picture(address: str, state: State, screen: Screen, file: Path) -> None:
    with EmbeddedKafka() as kafka:
        async with state.begin(kafka) as scene, a_tab(address) as tab:

            async def is_complete() -> bool:
                status = scene.service.service.status()
                known = status is not None and all(
                    each.lag is not None for each in status.partitions
                )
                await tab.reload()
                return known and await tab.text("#headline") == state.headline

            await tab.open(scene.url, screen)
            await eventually(is_complete, why=f"{state.name} is complete")
            await tab.picture(file)
