"""`segment-liveintent audiences uploads`: how the files of an audience fared."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from consumer.cli.audiences_options import (
    ANSWER_SECONDS,
    AsJson,
    AudienceIdOption,
    Name,
    Seconds,
    one_of,
)
from consumer.cli.audiences_source import AudienceSource, ask
from consumer.cli.audiences_view import show, upload_fields, uploads_table
from consumer.cli.dead_letters_view import counted
from consumer.cli.run import EnvFile
from consumer.liveintent.shapes import AudienceRow, UploadEntry


def audience_uploads(
    name: Name = None,
    *,
    audience_id: AudienceIdOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many, the newest.")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    seconds: Seconds = ANSWER_SECONDS,
) -> None:
    """Say how the uploads of an audience fared, newest first.

    Everything LiveIntent lists, whoever uploaded it: it gives uploads neither
    an id nor our name for them, promises no order, and does not say how long
    it lists one. Every page is read, then sorted by time. Of audiences that
    share the name, all are shown. Changes nothing.

    "uploaded" is the rows LiveIntent counts, "invalid" those it could not
    use: it never says which, nor why an upload ended in Error.

    Exits with 0, 2 when settings or arguments cannot be used, 3 when there is
    no such audience, or LiveIntent does not answer or refuses.

    Example: segment-liveintent audiences uploads vip_customers --limit 20

    Example: segment-liveintent audiences uploads --id 900001 --json | jq 'select(.status == "Error")'
    """
    one_of(name, audience_id)

    async def uploads(source: AudienceSource) -> list[tuple[AudienceRow, UploadEntry]]:
        rows = await source.named(name, audience_id)
        found = [(row, entry) for row in rows for entry in await source.uploads(row.id)]
        return sorted(found, key=lambda each: each[1].schedule_at, reverse=True)

    found = ask(env_file, uploads, seconds=seconds)
    shown, now = found[:limit], datetime.now(UTC)
    show(
        as_json,
        (upload_fields(audience, entry, now=now) for audience, entry in shown),
        uploads_table(shown, now=now),
        f"{counted(len(shown), 'upload')} of {len(found):,}.",
    )
