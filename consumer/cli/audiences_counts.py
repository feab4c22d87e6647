"""`segment-liveintent audiences counts`: how many are in an audience, day by day."""

from consumer.cli.audiences_options import (
    ANSWER_SECONDS,
    AsJson,
    AudienceIdOption,
    Name,
    Seconds,
    one_of,
)
from consumer.cli.audiences_source import AudienceSource, ask
from consumer.cli.audiences_view import a_table, count_fields, show
from consumer.cli.dead_letters_view import printable
from consumer.cli.run import EnvFile
from consumer.liveintent.shapes import AudienceCount, AudienceRow


def audience_counts(
    name: Name = None,
    *,
    audience_id: AudienceIdOption = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
    seconds: Seconds = ANSWER_SECONDS,
) -> None:
    """Say how many identifiers an audience has, and how many LiveIntent has seen lately, for each day it tells.

    "total" is identifiers, not people: an email sent as three hashes may
    count three times. "matched" is, by LiveIntent's help pages, those seen in
    its exchange in the past 30 days, so it lags behind. Of audiences that
    share the name, all are shown. Changes nothing.

    Exits with 0, 2 when settings or arguments cannot be used, 3 when there is
    no such audience, or LiveIntent does not answer or refuses.

    Example: segment-liveintent audiences counts vip_customers

    Example: segment-liveintent audiences counts --id 900001 --json | jq .total
    """
    one_of(name, audience_id)

    async def counts(source: AudienceSource) -> list[tuple[AudienceRow, AudienceCount]]:
        rows = await source.named(name, audience_id)
        return [(row, each) for row in rows for each in await source.counts(row.id)]

    found = ask(env_file, counts, seconds=seconds)
    heads = ("id", "audience", "date", "total", "matched")
    table = a_table("Counts, newest first", heads, {"id", "total", "matched"})
    for row, each in found:
        table.add_row(
            str(row.id), printable(row.name), printable(each.date), f"{each.total:,}", f"{each.matched:,}"
        )  # fmt: skip
    show(as_json, (count_fields(row, each) for row, each in found), table)
