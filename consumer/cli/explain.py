"""`segment-liveintent explain`: what would happen to each event, and why."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console

from consumer.cli.event_values import EventValue, bare_values_in, values_in
from consumer.cli.explain_direct_calls import direct_call_policy
from consumer.cli.explain_view import as_json_line, as_text, summary
from consumer.cli.explanation import Decode, Explanation, Verdict, explain_events
from consumer.cli.run import EnvFile
from consumer.cli.sample_decoder import sample_decoder
from consumer.cli.value_decoder import reads_bare_avro, topic_samples, value_decoder
from consumer.service.from_settings import policy_from
from consumer.settings import LogFormat, LogLevel, load_membership_settings
from consumer.telemetry.logs import configure_logs

_STDIN = "-"
_CANNOT_BE_USED = 2


def explain(  # noqa: PLR0917 - one for each argument and option
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="Files of events: one JSON value or several, JSON lines, or one Avro value each (a container file may hold several). None, or -: standard input.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per event, also on a terminal.")
    ] = False,
    schema: Annotated[
        Path | None,
        typer.Option(
            "--schema",
            help="Avro schema of a feed to try out: samples are JSON that fits it, or one Avro value a file.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", help="Mapping to try out, instead of EVENT_MAPPING."),
    ] = None,
    event_map: Annotated[
        str | None,
        typer.Option(
            "--event-map",
            help="Event map to try out: what would be forwarded if all direct calls were on.",
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(
            "--topic",
            help="Topic the events are of, where EVENT_FEEDS_FILE has several: its feed's format, schema and mapping count.",
        ),
    ] = None,
    env_file: EnvFile = None,
) -> None:
    """Say what would happen to each event, and why: for "why is this customer not in the audience?".

    Sends nothing, and connects to nothing but the schema registry, for Avro.
    Needs no settings of Kafka's or of LiveIntent's API, only those that decide
    membership: LIVEINTENT_AUDIENCES, SEGMENT_INTEGRATION_NAMES,
    SEGMENT_CONSENT_CATEGORIES, MEMBERSHIP_STRING_BOOLEANS,
    MEMBERSHIP_VALUELESS_JOURNEY_STEPS, MEMBERSHIP_REMOVE_OLD_EMAIL,
    LIVEINTENT_IDENTIFIER_TYPES, EMAIL_HASHES; for Avro also EVENT_FORMAT.

    Remembers nothing: only the running service knows whether a change is a
    duplicate, or older than what it has delivered.

    To try out a feed's mapping: --schema reads samples as records of that
    schema, and --mapping (a preset's name, or a TOML file) as the mapping says.

    Direct calls are explained when DIRECT_CALLS is set, and to try out an event
    map with --event-map (the one of the program, or a TOML file). How old an
    event is does not count here.

    With several feeds, --topic says whose the events are:
    segment-liveintent explain --topic warehouse.identifies row.json

    Exits with 0 when every file could be read, whatever becomes of the events.

    Example: LIVEINTENT_AUDIENCES=vip_customers segment-liveintent explain event.json
    """
    configure_logs(LogLevel.WARNING, LogFormat.AUTO, stream=sys.stderr)
    policy = policy_from(load_membership_settings(os.environ, env_file=env_file))
    if not policy.audiences and not policy.every_audience:
        typer.echo("LIVEINTENT_AUDIENCES is empty: no audience is served.", err=True)
    if topic is not None:
        if schema is not None or mapping is not None:
            raise typer.BadParameter(
                "takes the settings of the topic's feed; --schema and --mapping try out others.",
                param_hint="--topic",
            )
        decode, is_bare = _of_topic(topic, env_file)
    elif schema is not None or mapping is not None:
        decode = sample_decoder(schema, mapping, policy.audiences)
        is_bare = schema is not None
    else:
        decode = value_decoder(os.environ, env_file=env_file)
        is_bare = reads_bare_avro(os.environ, env_file=env_file)
    unreadable: list[str] = []
    read = bare_values_in if is_bare else values_in
    explanations = explain_events(
        _values(files or [_STDIN], read, unreadable),
        policy,
        decode,
        direct_calls=direct_call_policy(event_map, policy, os.environ, env_file=env_file),
    )
    console = Console(highlight=False, soft_wrap=True)
    if as_json or not console.is_terminal:
        for explanation in explanations:
            typer.echo(as_json_line(explanation))
            sys.stdout.flush()  # whoever pipes a stream in wants to see each as it comes
    else:
        _show(explanations, console)
    if unreadable:
        raise typer.Exit(_CANNOT_BE_USED)


def _of_topic(topic: str, env_file: Path | None) -> tuple[Decode, bool]:
    samples = topic_samples(topic, os.environ, env_file=env_file)
    if not samples.has_feed:
        typer.echo(
            f"No feed of EVENT_FEEDS_FILE names {topic}: read by EVENT_FORMAT and EVENT_MAPPING.",
            err=True,
        )
    return samples.decode, samples.is_bare


def _values(
    files: Sequence[str],
    read: Callable[[BinaryIO, str], Iterator[EventValue]],
    unreadable: list[str],
) -> Iterator[EventValue]:
    """Return the values of all files; one that cannot be read is complained of, noted, and left out."""
    for name in files:
        try:
            if name == _STDIN:
                yield from read(sys.stdin.buffer, "standard input")
            else:
                with Path(name).open("rb") as stream:
                    yield from read(stream, Path(name).name)
        except OSError as error:
            unreadable.append(name)
            typer.echo(
                f"{name} cannot be read: {error.strerror or type(error).__name__}.", err=True
            )


def _show(explanations: Iterable[Explanation], console: Console) -> None:
    verdicts: Counter[Verdict] = Counter()
    for explanation in explanations:
        console.print(as_text(explanation), end="\n\n")
        verdicts[explanation.verdict] += 1
    console.print(summary(verdicts))
