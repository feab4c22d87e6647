"""`segment-liveintent sandbox`: the LiveIntent stand-in as a server."""

import asyncio
import ipaddress
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop
from rich.console import Console
from rich.text import Text

from consumer.sandbox.fault_scenario import read_scenario
from consumer.sandbox.liveintent_control import WELCOME
from consumer.sandbox.liveintent_server import (
    Fault,
    LiveIntentSandbox,
    Operation,
    SandboxOptions,
)
from consumer.settings import LogFormat, LogLevel
from consumer.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

_DEFAULTS = SandboxOptions()


def sandbox(
    *,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is every one.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="Port; 0 takes a free one.")
    ] = 8081,
    token: Annotated[
        str, typer.Option("--token", help="The API key to accept. Made up: it opens nothing else.")
    ] = _DEFAULTS.token,
    account_id: Annotated[
        int, typer.Option("--account-id", min=1, help="The one account there is.")
    ] = _DEFAULTS.account_id,
    data_provider_id: Annotated[
        int, typer.Option("--data-provider-id", min=1, help="The one data provider there is.")
    ] = _DEFAULTS.data_provider_id,
    processing_seconds: Annotated[
        float,
        typer.Option(
            "--processing-seconds", min=0, help="How long an upload takes from stored to finished."
        ),
    ] = _DEFAULTS.processing_seconds,
    faults: Annotated[
        Path | None,
        typer.Option(
            "--faults",
            help="TOML file of an array of tables, fault: what goes wrong, on which call, when and how often.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Serve a stand-in for LiveIntent's APIs, until Ctrl-C or SIGTERM.

    For trying the service, and for rehearsing trouble: it goes wrong when
    told to, tells who ended up in an audience, and notes what a client does
    against the contract. It keeps everything in memory. It is not LiveIntent,
    and nothing leaves this machine.

    Prints where it is and what to set. The service speaks plain http only to
    its own machine. A browser sees there who is in which audience, and what
    clients do, as it happens.

    A table `fault` has a kind, and if wanted an operation, an audience, a status,
    delay_seconds; after_seconds and for_seconds (from the start), after_calls
    and every (of the calls it could meet), times. Times count from the start
    of the sandbox. Each fault, and each call that meets one, is a line of the
    log on standard error.

    Exits with 0 after a signal, 2 when an argument or the faults cannot be
    used.

    Example: segment-liveintent sandbox --port 8081 --processing-seconds 5

    Example: segment-liveintent sandbox --faults rehearsal.toml
    """
    scenario = () if faults is None else read_scenario(faults)
    options = SandboxOptions(
        token=token,
        account_id=account_id,
        data_provider_id=data_provider_id,
        processing_seconds=processing_seconds,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(options, host=host, port=port, scenario=scenario))
        except OSError as error:
            why = error.strerror or type(error).__name__
            message = f"{host}:{port} cannot be listened on: {why}"
            raise typer.BadParameter(message) from None


async def _serve(
    options: SandboxOptions, *, host: str, port: int, scenario: Sequence[Fault] = ()
) -> None:
    """Serve until SIGTERM or SIGINT, with these faults from the start."""
    configure_logs(LogLevel.INFO, LogFormat.AUTO, stream=sys.stderr)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, stop.set)
    server = LiveIntentSandbox(options, on_fault=_note_met)
    try:
        url = await server.start(host, port)
        _announce(_near_url(url), options)
        for fault in scenario:
            server.faults.add(fault)
            log.info("A fault is set.", **_said(fault))
        await stop.wait()
    finally:
        await server.stop()
        for each in signals:
            loop.remove_signal_handler(each)


def _note_met(fault: Fault, operation: Operation) -> None:
    log.info("A call meets a fault.", met_by=operation.value, **_said(fault))


def _said(fault: Fault) -> dict[str, object]:
    """What is not as usual of a fault."""
    usual = {field.name: field.default for field in fields(Fault)}
    return {name: value for name, value in asdict(fault).items() if value != usual[name]}


def _announce(url: str, options: SandboxOptions) -> None:
    settings = {
        "LIVEINTENT_URL": url,
        "LIVEINTENT_API_KEY": options.token,
        "LIVEINTENT_ACCOUNT_ID": str(options.account_id),
        "LIVEINTENT_DATA_PROVIDER_ID": str(options.data_provider_id),
        "LIVEINTENT_COLLECTOR_URL": url,
        "LIVEINTENT_CONVERSIONS_URL": url,
        "LIVEINTENT_CONVERSIONS_CUSTOMER_ID": options.conversions_customer_id,
        "LIVEINTENT_CONVERSIONS_TOKEN": options.conversions_token,
        "LIVEINTENT_PRIVACY_URL": url,
        "LIVEINTENT_PRIVACY_TOKEN": options.privacy_token,
    }
    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal:
        console.print(Text(f"LiveIntent's stand-in listens at {url}. Ctrl-C stops it.\n", "bold"))
        for name, value in settings.items():
            console.print(Text.assemble(f"  {name}=", (value, "cyan")))
        console.print(Text(f"\n{WELCOME}"))
    else:
        typer.echo(
            json.dumps(
                {"url": url, "token": options.token, "settings": settings, "control": f"{url}/"}
            )
        )
    sys.stdout.flush()


def _near_url(url: str) -> str:
    """The URL to call it by from this machine: "every address" is none that could be called."""
    scheme, _, place = url.partition("://")
    host, _, port = place.rpartition(":")
    try:
        everywhere = ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        everywhere = False
    return f"{scheme}://127.0.0.1:{port}" if everywhere else url
