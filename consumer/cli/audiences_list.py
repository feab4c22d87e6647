"""`segment-liveintent audiences list`: every audience LiveIntent has for us."""

import typer

from consumer.cli.audiences_options import ANSWER_SECONDS, AsJson, Seconds
from consumer.cli.audiences_serving import absent_keys, servings
from consumer.cli.audiences_source import AudienceSettings, AudienceSource, ask
from consumer.cli.audiences_view import (
    AUDIENCE_HEADS,
    a_table,
    audience_cells,
    audience_fields,
    show,
)
from consumer.cli.dead_letters_view import counted
from consumer.cli.run import EnvFile
from consumer.liveintent.shapes import AudienceRow


def list_audiences(
    *, as_json: AsJson = False, env_file: EnvFile = None, seconds: Seconds = ANSWER_SECONDS
) -> None:
    """Say which audiences LiveIntent has for us, and which of ours each serves.

    All of LIVEINTENT_ACCOUNT_ID and LIVEINTENT_DATA_PROVIDER_ID, whoever made
    them, archived and deleted ones too. Changes nothing.

    "serves" is Segment's key, by LIVEINTENT_AUDIENCES, its name prefix and
    LIVEINTENT_AUDIENCE_IDS. Of several active ones with one name the earliest
    created is used; the others are marked.

    Exits with 0, 2 when settings or arguments cannot be used, 3 when
    LiveIntent does not answer or refuses.

    Example: segment-liveintent audiences list --env-file production.env

    Example: segment-liveintent audiences list --json | jq -r 'select(.in_use).name'
    """

    async def everything(source: AudienceSource) -> tuple[AudienceSettings, list[AudienceRow]]:
        return source.settings, await source.every()

    settings, rows = ask(env_file, everything, seconds=seconds)
    serving = servings(rows, settings)
    table = a_table("Audiences at LiveIntent", AUDIENCE_HEADS, {"id"})
    for row in rows:
        table.add_row(*audience_cells(row, serving.get(row.id)))
    objects = (audience_fields(row, serving.get(row.id)) for row in rows)
    show(as_json, objects, table, f"{counted(len(rows), 'audience')}.")
    for key in absent_keys(rows, settings):
        typer.echo(f"LiveIntent has no audience for {key!r}, which the settings name.", err=True)
