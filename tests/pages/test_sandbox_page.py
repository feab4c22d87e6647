"""The stand-in's own page in a real browser."""

import pytest

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.pages.chromium import LAPTOP, PHONE, Screen, Tab
from tests.pages.soundness import is_sound
from tests.pages.states import AUDIENCES, healthy
from tests.pages.test_status_page import PICTURES

pytestmark = pytest.mark.chromium


@pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=lambda screen: screen.name)
async def test_the_stand_in_shows_its_audiences_on_any_screen(
    embedded_kafka: EmbeddedKafka, tab: Tab, screen: Screen
) -> None:
    async with healthy(embedded_kafka) as scene:
        scene.world.liveintent.faults.add(Fault(kind=FaultKind.STUCK, audience="nobody"))
        url = f"{scene.world.liveintent.url}/"
        await tab.open(url, screen)

        said = await tab.text("main")
        assert all(audience in said for audience in AUDIENCES)
        assert "clients keep to the contract" in said
        await is_sound(tab, url)
        await tab.picture(PICTURES / f"sandbox-{screen.name}.png", whole=True)
