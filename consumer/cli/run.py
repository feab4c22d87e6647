"""`segment-liveintent run`: the service, until a signal ends it."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop

from consumer.errors import ForcedStop
from consumer.kafka.connection import property_problems
from consumer.service import Service
from consumer.service.daemon_threads import DaemonThreads
from consumer.service.garbage import look_for_garbage_seldom
from consumer.settings import Settings, load_settings
from consumer.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        help="File of NAME=value lines; the environment wins over it.",
        exists=True,
        dir_okay=False,
    ),
]


def run(env_file: EnvFile = None) -> None:
    """Run the service: read events from Kafka, keep LiveIntent's audiences in step, commit what is done.

    Settings come from environment variables (see the README's table) and --env-file. SIGTERM or Ctrl-C drains and
    exits 0; a second one exits at once with 7. With REPLAY_ID it delivers again beside the live group, and exits 0
    when that is done, 15 when it was stopped before.

    Example: segment-liveintent run --env-file production.env
    """
    settings = load_settings(os.environ, env_file=env_file, property_problems=property_problems)
    configure_logs(settings.log_level, settings.log_format, stream=sys.stdout)
    if settings.replay_id is not None:
        structlog.contextvars.bind_contextvars(replay_id=settings.replay_id)
    look_for_garbage_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings))
        except ForcedStop as error:
            # Leaving in good order would wait for threads, which may hang on a dead broker or file system.
            typer.echo(error, err=True)
            sys.stdout.flush()
            os._exit(error.exit_code)


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT; the second signal raises ForcedStop."""
    stop = asyncio.Event()
    forced = asyncio.Event()

    def on_signal(name: str) -> None:
        if stop.is_set():
            forced.set()
            return
        log.info(
            "Stopping: finishing what is under way. A second signal ends it at once.", signal=name
        )
        stop.set()

    loop = asyncio.get_running_loop()
    loop.set_default_executor(DaemonThreads())
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, on_signal, each.name)
    service = asyncio.create_task(Service(settings).run(stop))
    force = asyncio.create_task(forced.wait())
    try:
        await asyncio.wait({service, force}, return_when=asyncio.FIRST_COMPLETED)
        if not service.done():
            service.cancel()
            # Bounded: whatever a part still wants to finish, the second signal meant now.
            await asyncio.wait({service}, timeout=2)
            message = "A second signal ended the drain; what was not committed will be read again."
            raise ForcedStop(message)
        await service
    finally:
        force.cancel()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
