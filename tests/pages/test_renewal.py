"""The status page renews itself, keeps the reader's place, and says so when nobody answers."""

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from consumer.telemetry.health import serve_health
from consumer.telemetry.status import LaneStatus, Status
from tests.pages.chromium import LAPTOP, PHONE, Screen, Tab
from tests.pages.soundness import is_sound
from tests.scenarios.harness import eventually
from tests.unit.telemetry.invented_status import a_busy_status, a_healthy_status
from tests.unit.telemetry.test_health import Source

pytestmark = pytest.mark.chromium

LONG = tuple(LaneStatus(f"audience_{number:03}", number) for number in range(100))
_LOOK_NOW = "document.dispatchEvent(new Event('visibilitychange'))"
"""What a browser says when its reader comes back to the page."""


def served(source: Source, port: int = 0) -> AbstractAsyncContextManager[int]:
    return serve_health(source, CollectorRegistry(), host="127.0.0.1", port=port)


def a_long_status(status: Status) -> Status:
    return replace(status, lanes=LONG)


async def is_shown(tab: Tab, text: str) -> bool:
    return text in await tab.text("body")


async def test_the_page_renews_itself_and_keeps_the_readers_place(tab: Tab) -> None:
    source = Source(now=a_long_status(a_healthy_status()))
    async with served(source) as port:
        await tab.open(f"http://127.0.0.1:{port}/", LAPTOP)
        await tab.read(
            "scrollTo(0, 700); document.querySelector('a[href=metrics]').focus({preventScroll: true})"
        )
        source.now = a_long_status(a_busy_status())
        await eventually(partial(is_shown, tab, "LiveIntent is down for us"), why="it is renewed")

        assert await tab.read("scrollY") == 700
        assert await tab.read("document.activeElement.getAttribute('href')") == "metrics"
        assert (await tab.read("document.title")).startswith("LiveIntent is down for us")
        assert await tab.text("#told") == "LiveIntent is down for us"
        await is_sound(tab, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=lambda screen: screen.name)
async def test_a_service_that_is_gone_leaves_its_last_word_and_comes_back(
    tab: Tab, screen: Screen
) -> None:
    source = Source(now=a_long_status(a_busy_status()))
    async with served(source) as port:
        await tab.open(f"http://127.0.0.1:{port}/", screen)
        await tab.read("scrollTo(0, 700)")
    await tab.read(_LOOK_NOW)
    await eventually(partial(is_shown, tab, "No answer since 11:30:00 UTC"), why="it says so")

    assert await is_shown(tab, "LiveIntent is down for us")
    assert await tab.read("document.documentElement.scrollWidth") == screen.width
    silence = "document.getElementById('silence').getBoundingClientRect()"
    assert await tab.read(f"{silence}.top") == 0

    source.now = a_long_status(a_healthy_status())
    async with served(source, port):
        await tab.read(_LOOK_NOW)
        await eventually(partial(is_shown, tab, "All is well"), why="it answers again")
        assert not await is_shown(tab, "No answer since")
        assert await tab.read("scrollY") == 700


async def test_what_is_no_status_page_is_no_answer(tab: Tab) -> None:
    """A proxy in between answers when the service does not."""
    source = Source()
    async with served(source) as port:
        await tab.open(f"http://127.0.0.1:{port}/")
        await tab.read("history.replaceState(null, '', '/nothing-here')")
        await tab.read(_LOOK_NOW)
        await eventually(partial(is_shown, tab, "No answer since 11:30:00 UTC"), why="it says so")

        assert await is_shown(tab, "All is well")


async def test_text_that_is_being_selected_is_left_alone(tab: Tab) -> None:
    source = Source()
    async with served(source) as port:
        await tab.open(f"http://127.0.0.1:{port}/")
        await tab.read("getSelection().selectAllChildren(document.getElementById('audiences'))")
        source.now = a_busy_status()
        before = len(tab.requests)
        await tab.read(_LOOK_NOW)
        await eventually(lambda: len(tab.requests) > before, why="it asked")
        assert await is_shown(tab, "All is well")

        await tab.read("getSelection().removeAllRanges()")
        await tab.read(_LOOK_NOW)
        await eventually(partial(is_shown, tab, "LiveIntent is down for us"), why="it is renewed")


async def test_an_audience_named_like_a_script_is_text(tab: Tab) -> None:
    hostile = "<img src=x onerror=window.caught=1><script>window.caught=1</script>"
    lanes = (LaneStatus(hostile, 3, stage=hostile, refused=hostile),)
    source = Source(now=replace(a_busy_status(), lanes=lanes, instance=hostile))
    async with served(source) as port:
        await tab.open(f"http://127.0.0.1:{port}/", PHONE)
        await tab.read(_LOOK_NOW)

        assert await tab.text("#audiences th[scope=row]") == hostile
        assert await tab.read("document.querySelectorAll('img').length") == 0
        assert await tab.read("window.caught === undefined")
        await is_sound(tab, f"http://127.0.0.1:{port}/")


async def test_no_other_script_runs_even_if_one_gets_in(tab: Tab) -> None:
    async with served(Source()) as port:
        await tab.open(f"http://127.0.0.1:{port}/")
        script = json.dumps("window.caught = 1")
        await tab.read(
            f"(() => {{ const one = document.createElement('script'); one.textContent = {script};"
            " document.body.append(one); })()"
        )

        assert await tab.read("window.caught === undefined")
        assert "Content Security Policy" in " ".join(tab.complaints)
