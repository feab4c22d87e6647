"""`segment-liveintent`: the commands, and how an error becomes a message and an exit code."""

import sys
import traceback

import typer
from rich.console import Console

from consumer.cli.audiences import audiences
from consumer.cli.check import check
from consumer.cli.dead_letters import dead_letters
from consumer.cli.demo import demo
from consumer.cli.explain import explain
from consumer.cli.replay import replay
from consumer.cli.run import run
from consumer.cli.sandbox import sandbox
from consumer.cli.schemas import schemas
from consumer.errors import SegmentLiveIntentError, SettingsError
from consumer.telemetry.redaction import redacted

EXIT_CODES = """\
Exit codes: 0 done, or stopped and drained; 1 an error nobody foresaw; 2 settings or arguments that cannot be used;
3 a check, a demo, a redrive or a question to LiveIntent did not come out right; 4 Kafka's client cannot go on;
5 no offset to start from; 6 too many dead letters; 7 stopped by a second signal before it was drained; 10 a guard is
against a replay; 11 it is not the plan that was approved; 12 the group has members; 13 Kafka refused its new offsets;
14 they are not as written; 15 a replay beside the live group was stopped before its end."""

app = typer.Typer(
    name="segment-liveintent",
    help="Keeps LiveIntent's custom audiences in step with Segment's, from events on Kafka.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(check)
app.command()(demo)
app.command()(explain)
app.add_typer(audiences, name="audiences")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(replay, name="replay")
app.add_typer(schemas, name="schemas")
app.command()(sandbox)


def main() -> None:
    """Run the command line. Exits with a documented code."""
    try:
        app()
    except SettingsError as error:
        _complain("The settings cannot be used:", error.problems)
        sys.exit(error.exit_code)
    except SegmentLiveIntentError as error:
        _complain(str(error), ())
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001 - Python's own report of it could quote an event or a URL
        _complain("An error nobody foresaw. Please report it with what follows.", ())
        sys.stderr.write(redacted(traceback.format_exc()))
        sys.exit(1)


def _complain(headline: str, problems: tuple[str, ...]) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(headline, style="bold red", markup=False)
    for problem in problems:
        console.print(f"  - {problem}", markup=False)
