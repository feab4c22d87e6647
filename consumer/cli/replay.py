"""`segment-liveintent replay`: deliver again, by setting the group's offsets back."""

import typer

from consumer.cli.replay_apply import apply_replay_to_group
from consumer.cli.replay_plan import plan_replay_of_group
from consumer.cli.replay_rollback import roll_back_replay

replay = typer.Typer(
    help="Deliver again: plan it while the service runs, stop the service, apply the plan, start the service.",
    no_args_is_help=True,
)
replay.command("plan")(plan_replay_of_group)
replay.command("apply")(apply_replay_to_group)
replay.command("rollback")(roll_back_replay)
