"""`segment-liveintent dead-letters`: what could not be delivered, and the way back."""

import typer

from consumer.cli.dead_letters_list import list_dead_letters
from consumer.cli.dead_letters_redrive import redrive_dead_letters
from consumer.cli.dead_letters_show import show_dead_letters

dead_letters = typer.Typer(
    help="Look at the records that could not be delivered, and put them back on their topics.",
    no_args_is_help=True,
)
dead_letters.command("list")(list_dead_letters)
dead_letters.command("show")(show_dead_letters)
dead_letters.command("redrive")(redrive_dead_letters)
