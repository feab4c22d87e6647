"""One Chromium for all tests of pages, and a tab for each."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.pages.chromium import Tab, a_tab, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[str]:
    """Where the DevTools of the run's one Chromium listen."""
    with chromium() as address:
        yield address


@pytest.fixture
async def tab(browser: str) -> AsyncIterator[Tab]:
    """A tab of a reader who was never here before."""
    async with a_tab(browser) as tab:
        yield tab
