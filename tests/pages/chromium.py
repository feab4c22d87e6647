"""Chromium without a window, driven by its own DevTools protocol: open a page, look at it, take its picture."""

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.scenarios.running import eventually

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
START_SECONDS = 60.0
ANSWER_SECONDS = 30.0
_LARGEST_PICTURE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Screen:
    """What the reader looks at. `scale` is how many dots a pixel of the page has."""

    name: str
    width: int
    height: int
    scale: float = 1.0
    is_phone: bool = False


LAPTOP = Screen("laptop", 1280, 800)
PHONE = Screen("phone", 390, 844, scale=2.0, is_phone=True)


class ChromiumMissing(Exception):
    """There is no Chromium on this machine (Debian: package chromium)."""


@contextmanager
def chromium() -> Iterator[str]:
    """Run one; gives the address its DevTools listen at."""
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        message = "Chromium is needed (Debian: package chromium)."
        raise ChromiumMissing(message)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield _address(Path(profile) / "DevToolsActivePort", process)
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def _address(told: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (told.exists() and len(lines := told.read_text().split()) == 2):
        if process.poll() is not None or time.monotonic() > deadline:
            message = "Chromium did not start."
            raise ChromiumMissing(message)
        time.sleep(0.05)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"


@dataclass
class Tab:
    """One page of one reader, who has no other. What it asked for, and what went wrong in it, is kept."""

    socket: aiohttp.ClientWebSocketResponse
    session: str | None = None
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def listen(self) -> None:
        """Take what Chromium says, until the connection ends."""
        async for message in self.socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._note(said["method"], said["params"])

    async def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Its answer. Fails when Chromium refuses, or says nothing."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        session = {} if self.session is None else {"sessionId": self.session}
        await self.socket.send_json({"id": number, "method": method, "params": params, **session})
        async with asyncio.timeout(ANSWER_SECONDS):
            said = await answer
        assert "result" in said, f"{method}: {said}"
        result: dict[str, Any] = said["result"]
        return result

    async def open(self, url: str, screen: Screen = LAPTOP, *, scheme: str = "light") -> None:
        """Show the page on this screen, to a reader whose machine is set to `scheme`."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=screen.height,
            deviceScaleFactor=screen.scale,
            mobile=screen.is_phone,
        )
        await self.dress(scheme)
        await self.ask("Page.navigate", url=url)
        await eventually(self._is_there, why="the page is there")

    async def reload(self) -> None:
        """Ask for the page again."""
        await self.read("window.old = true")
        await self.ask("Page.reload")
        await eventually(self._is_new, why="the page is there again")

    async def dress(self, scheme: str) -> None:
        """Set the reader's machine to light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.ask("Emulation.setEmulatedMedia", features=features)

    async def read(self, expression: str) -> Any:  # noqa: ANN401 - whatever JavaScript gives
        """The value of some JavaScript on the page."""
        answer = await self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def text(self, selector: str) -> str:
        """What is to be read in the first element the selector finds; empty when it finds none."""
        found = f"document.querySelector({json.dumps(selector)})"
        return str(await self.read(f"{found} ? {found}.innerText : ''"))

    async def picture(self, file: Path, *, whole: bool = False) -> None:
        """Write what is to be seen as a PNG; the whole page, or what fits the screen."""
        answer = await self.ask(
            "Page.captureScreenshot",
            format="png",
            captureBeyondViewport=whole,
            **await self._clip(whole),
        )
        picture = base64.b64decode(answer["data"])
        await asyncio.to_thread(_write, file, picture)

    async def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = (await self.ask("Page.getLayoutMetrics"))["cssContentSize"]
        return {"clip": {**size, "x": 0, "y": 0, "scale": 1}}

    async def _is_there(self) -> bool:
        return bool(
            await self.read("document.readyState === 'complete' && location.href !== 'about:blank'")
        )

    async def _is_new(self) -> bool:
        return bool(await self.read("document.readyState === 'complete' && !window.old"))

    def _note(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(params["args"]))
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case _:
                pass


@asynccontextmanager
async def a_tab(address: str) -> AsyncIterator[Tab]:
    """A tab of a reader who was never here before."""
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(address, max_msg_size=_LARGEST_PICTURE) as socket,
    ):
        tab = Tab(socket)
        listening = asyncio.create_task(tab.listen())
        context = (await tab.ask("Target.createBrowserContext", disposeOnDetach=True))[
            "browserContextId"
        ]
        target = await tab.ask("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await tab.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab.session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await tab.ask(f"{domain}.enable")
        yield tab
        listening.cancel()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
