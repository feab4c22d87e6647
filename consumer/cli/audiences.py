"""`segment-liveintent audiences`: what LiveIntent has of ours, and how its uploads fare."""

import typer

from consumer.cli.audiences_counts import audience_counts
from consumer.cli.audiences_diff import audience_diff
from consumer.cli.audiences_list import list_audiences
from consumer.cli.audiences_status import audience_status
from consumer.cli.audiences_uploads import audience_uploads
from consumer.cli.audiences_write import activate_audience, archive_audience

audiences = typer.Typer(
    help="Look at our audiences at LiveIntent, their uploads and counts; archive one, or bring it back.",
    no_args_is_help=True,
)
audiences.command("list")(list_audiences)
audiences.command("status")(audience_status)
audiences.command("uploads")(audience_uploads)
audiences.command("counts")(audience_counts)
audiences.command("diff")(audience_diff)
audiences.command("archive")(archive_audience)
audiences.command("activate")(activate_audience)
