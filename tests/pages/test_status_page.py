"""The status page in a real browser, of the real service, in every state it can be in."""

import hashlib
from functools import partial
from pathlib import Path

import pytest

from consumer.sandbox.embedded_kafka import EmbeddedKafka
from tests.pages.chromium import LAPTOP, PHONE, Screen, Tab
from tests.pages.soundness import is_sound
from tests.pages.states import PEOPLE, STATES, Scene, State
from tests.scenarios.harness import eventually

pytestmark = pytest.mark.chromium

PICTURES = Path(__file__).parents[2] / "build" / "pages"
"""For people: every state on each screen, as it was in the last run."""

_SEEN_AT_ONCE = """
(() => {
  const box = document.getElementById("answer").getBoundingClientRect();
  return box.top >= 0 && box.bottom <= innerHeight;
})()
"""


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
async def test_the_first_screen_says_why_it_is_behind_and_what_to_do(
    embedded_kafka: EmbeddedKafka, tab: Tab, state: State
) -> None:
    async with state.begin(embedded_kafka) as scene:
        for screen in (LAPTOP, PHONE):
            await tab.open(scene.url, screen)
            await eventually(partial(_says, tab, scene, state), why=f"the page says {state.says}")

            assert await tab.read(_SEEN_AT_ONCE)
            assert await tab.read("document.getElementById('live').className") == state.mood
            await is_sound(tab, scene.url)
            await _pictures(tab, state.name, screen)
        await _tells_nothing_of_people(tab, scene)


async def _says(tab: Tab, scene: Scene, state: State) -> bool:
    """The reader reloads, so as not to wait for the page to renew itself."""
    await tab.reload()
    if await tab.text("#headline") != state.headline:
        return False
    said = await tab.text("main")
    return all(each in said for each in state.says)


async def _tells_nothing_of_people(tab: Tab, scene: Scene) -> None:
    """No email, no hash of one, no key and no signature is anywhere in the page or in /status."""
    told = await tab.read("document.documentElement.outerHTML")
    told += (await scene.service.get("/status?lanes=1000"))[1]
    for email in PEOPLE:
        assert email not in told
        for hashed in (hashlib.md5, hashlib.sha1, hashlib.sha256):
            assert hashed(email.encode()).hexdigest() not in told
    assert scene.world.environ["LIVEINTENT_API_KEY"] not in told
    assert "signature" not in told.lower()


async def _pictures(tab: Tab, name: str, screen: Screen) -> None:
    for scheme in ("light", "dark"):
        await tab.dress(scheme)
        await tab.picture(PICTURES / f"{name}-{screen.name}-{scheme}.png", whole=True)
