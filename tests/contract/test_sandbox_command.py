"""`segment-liveintent sandbox` as its users meet it: a process that is started, called, and stopped by a signal."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from consumer.cli.sandbox import _near_url, _serve
from consumer.sandbox.liveintent_server import SandboxOptions
from consumer.settings import load_settings

SECONDS = 20


@asynccontextmanager
async def started(*options: str, terminal: bool = False) -> AsyncIterator[Process]:
    """The command's process, which is killed at the end if it still runs."""
    environ = {"PATH": os.environ["PATH"], **({"FORCE_COLOR": "1"} if terminal else {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "consumer", "sandbox", "--port", "0", *options,
        env=environ, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def announcement(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        line = await process.stdout.readline()
    said: dict[str, Any] = json.loads(line)
    return said


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_until_a_signal_and_then_exits_with_0(sign: signal.Signals) -> None:
    async with started() as process:
        said = await announcement(process)
        async with aiohttp.ClientSession() as session:
            welcome = await session.get(said["control"])
            listed = await session.get(
                f"{said['url']}/audiences", headers={"Authorization": f"Bearer {said['token']}"}
            )
            assert "/_sandbox/members" in await welcome.text()
            assert (await listed.json())["entries"] == []
        process.send_signal(sign)
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()

    assert process.returncode == 0
    assert errors == b""


async def test_a_scenario_goes_wrong_as_written_and_says_so(tmp_path: Path) -> None:
    scenario = tmp_path / "faults.toml"
    text = (
        '[[fault]]\nkind = "status"\noperation = "list"\nstatus = 429\nafter_calls = 1\ntimes = 1\n'
    )
    await asyncio.to_thread(scenario.write_text, text)
    async with started("--faults", str(scenario)) as process:
        said = await announcement(process)
        token = {"Authorization": f"Bearer {said['token']}"}
        async with aiohttp.ClientSession(headers=token) as session:
            answers = [(await session.get(f"{said['url']}/audiences")).status for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()

    lines = [json.loads(line) for line in errors.splitlines()]
    assert answers == [200, 429, 200]
    assert [line["event"] for line in lines] == ["A fault is set.", "A call meets a fault."]
    assert lines[1]["met_by"] == "list"
    assert all((line["kind"], line["status"]) == ("status", 429) for line in lines)


async def test_a_scenario_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    scenario = tmp_path / "faults.toml"
    await asyncio.to_thread(scenario.write_text, '[[fault]]\nkind = "quake"\ntimes = 0\n')
    async with started("--faults", str(scenario)) as process, asyncio.timeout(SECONDS):
        out, errors = await process.communicate()

    assert (process.returncode, out) == (2, b"")
    assert b"fault 1: kind must be" in errors


async def test_what_it_says_to_set_are_settings_the_service_takes() -> None:
    options = ("--token", "invented", "--account-id", "5", "--data-provider-id", "6")
    async with started(*options) as process:
        said = await announcement(process)

    settings = load_settings(
        {
            **said["settings"],
            "LIVEINTENT_AUDIENCES": "*",
            "KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
            "KAFKA_TOPICS": "events",
            "KAFKA_GROUP_ID": "group",
            "EVENT_FORMAT": "json",
        }
    )
    assert settings.liveintent_url == said["url"]
    assert settings.liveintent_api_key.read() == "invented"
    assert (settings.liveintent_account_id, settings.liveintent_data_provider_id) == (5, 6)


async def test_on_a_terminal_it_shows_lines_to_copy_and_the_control_endpoints() -> None:
    async with started(terminal=True) as process:
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            text = (await process.stdout.readuntil(b"/_sandbox/audiences")).decode()

    for expected in ("Ctrl-C", "LIVEINTENT_URL=", "LIVEINTENT_API_KEY=", "POST   /_sandbox/faults"):
        assert expected in text


async def test_a_port_in_use_is_an_argument_that_cannot_be_used() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with started("--port", str(listener.getsockname()[1])) as process:
            async with asyncio.timeout(SECONDS):
                _, errors = await process.communicate()

    assert process.returncode == 2
    assert b"cannot be listened on" in errors


@pytest.mark.parametrize("terminal", [False, True])
async def test_a_signal_to_its_own_process_stops_it(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    serving = asyncio.create_task(_serve(SandboxOptions(), host="127.0.0.1", port=0))
    async with asyncio.timeout(SECONDS):
        while "LIVEINTENT_URL" not in capsys.readouterr().out:  # noqa: ASYNC110 - a pipe has no event
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        await serving

    assert asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM) is False


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://0.0.0.0:8081", "http://127.0.0.1:8081"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("http://localhost:8081", "http://localhost:8081"),
    ],
)
def test_every_address_is_called_by_this_machines_own(url: str, near: str) -> None:
    assert _near_url(url) == near
