"""The options the audience commands share."""

from typing import Annotated

import typer

from consumer.settings.parsing import EVERY_AUDIENCE

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", help="The audience's name at LiveIntent, or Segment's key of it."
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Names at LiveIntent, or Segment's keys. None: those of LIVEINTENT_AUDIENCES; with "
        f"{EVERY_AUDIENCE} among them, every one LiveIntent has for us.",
    ),
]
AudienceIdOption = Annotated[
    int | None,
    typer.Option("--id", min=1, help="LiveIntent's id of the audience, instead of its name."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object per line, also on a terminal.")
]
Seconds = Annotated[
    float,
    typer.Option("--timeout", min=0.1, max=600, help="Longest wait for one answer, in seconds."),
]
ANSWER_SECONDS = 10.0


def one_of(name: str | None, audience_id: int | None) -> None:
    """Raise BadParameter unless an audience is named in exactly one way."""
    if (name is None) == (audience_id is None):
        message = "say which audience: by its name, or by --id"
        raise typer.BadParameter(message)
