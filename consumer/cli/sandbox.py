"""`segment-liveintent sandbox`: the LiveIntent stand-in as a server."""

import asyncio
import ipaddress
import json
import signal
import sys
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.text import Text

from consumer.sandbox.liveintent_control import WELCOME
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions

_DEFAULTS = SandboxOptions()


def sandbox(
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
) -> None:
    """Serve a stand-in for LiveIntent's Audiences API, until Ctrl-C or SIGTERM.

    For trying the service, and for rehearsing trouble: it goes wrong when
    told to, tells who ended up in an audience, and notes what a client does
    against the contract. It keeps everything in memory. It is not LiveIntent,
    and nothing leaves this machine.

    Prints where it is and what to set. The service speaks plain http only to
    its own machine.

    Example: segment-liveintent sandbox --port 8081 --processing-seconds 5
    """
    options = SandboxOptions(
        token=token,
        account_id=account_id,
        data_provider_id=data_provider_id,
        processing_seconds=processing_seconds,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(options, host=host, port=port))
        except OSError as error:
            why = error.strerror or type(error).__name__
            message = f"{host}:{port} cannot be listened on: {why}"
            raise typer.BadParameter(message) from None


async def _serve(options: SandboxOptions, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, stop.set)
    server = LiveIntentSandbox(options)
    try:
        url = await server.start(host, port)
        _announce(_near_url(url), options)
        await stop.wait()
    finally:
        await server.stop()
        for each in signals:
            loop.remove_signal_handler(each)


def _announce(url: str, options: SandboxOptions) -> None:
    settings = {
        "LIVEINTENT_URL": url,
        "LIVEINTENT_API_KEY": options.token,
        "LIVEINTENT_ACCOUNT_ID": str(options.account_id),
        "LIVEINTENT_DATA_PROVIDER_ID": str(options.data_provider_id),
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
