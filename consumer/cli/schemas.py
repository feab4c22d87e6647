"""`segment-liveintent schemas`: the Avro schemas of a feed."""

import typer

from consumer.cli.schemas_check import check_schemas
from consumer.cli.schemas_infer import infer_mapping

schemas = typer.Typer(
    help="Look at the Avro schemas of a feed.",
    no_args_is_help=True,
)


@schemas.callback()
def _group() -> None:
    # With a callback Typer keeps the name of a group's only command.
    return


schemas.command("check")(check_schemas)
schemas.command("infer")(infer_mapping)
