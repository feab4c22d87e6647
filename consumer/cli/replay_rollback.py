"""`segment-liveintent replay rollback`: the old offsets again."""

import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from consumer.cli.replay_apply import tell_waiting
from consumer.cli.replay_options import WaitSeconds
from consumer.cli.replay_source import opened
from consumer.cli.replay_view import write_line
from consumer.cli.run import EnvFile
from consumer.errors import ReplayRefused
from consumer.kafka.replay_documents import Snapshot, snapshot_in
from consumer.kafka.replay_judgement import Fate
from consumer.kafka.replaying import Patience, roll_back

_WORDS: Final = {
    Fate.RESTORE: "restored",
    Fate.RESTORED_ALREADY: "as they were already",
    Fate.PASSED: "left alone, because the group has read past where they were",
    Fate.HAD_NONE: "without an offset before, and with one now: Kafka's group tool can delete it (--delete-offsets)",
}


def roll_back_replay(
    *,
    snapshot_file: Annotated[
        str,
        typer.Argument(
            metavar="SNAPSHOT",
            help="A file with what `replay apply` printed or wrote; - is standard input.",
        ),
    ],
    wait_seconds: WaitSeconds = None,
    env_file: EnvFile = None,
) -> None:
    """Set the offsets back to where they were before a replay. Stop every replica of the service first.

    Restores each offset with its leader epoch and metadata, by the same steps
    as `replay apply`: wait for an empty group, set, read again, compare. What
    the group has read past already is left alone. An offset that did not exist
    before cannot be taken away again by this command; it says so.

    Exits with 0 when all is restored (partitions left alone included), 2
    (settings or arguments), 4 (Kafka does not answer), 10 (the snapshot cannot
    be restored), 12 (the group has members), 13 (Kafka refused, a member came
    back), 14 (the offsets are not what was written).

    Example: segment-liveintent replay rollback before.json

    Example: kubectl logs job/consumer-replay-lost-afternoon | segment-liveintent replay rollback -
    """
    snapshot = _read(snapshot_file)
    with opened(env_file) as source:
        group = source.settings.kafka_group_id
        if snapshot.group != group:
            message = f"The snapshot is of group {snapshot.group}, and KAFKA_GROUP_ID is {group}."
            raise ReplayRefused(message)
        patience = Patience(
            source.wait_seconds if wait_seconds is None else wait_seconds,
            time.monotonic,
            time.sleep,
            tell_waiting,
        )
        rolled_back = roll_back(source.offsets, snapshot, patience=patience)
    fates = rolled_back.fates
    write_line(
        {
            "kind": "replay_rolled_back",
            "group": snapshot.group,
            "replay_id": snapshot.replay_id,
            "partitions": [
                {
                    "topic": old.partition.topic,
                    "partition": old.partition.partition,
                    "offset": old.offset,
                    "result": fates[old.partition],
                }
                for old in snapshot.offsets
            ],
        }
    )
    for fate, words in _WORDS.items():
        if count := sum(each is fate for each in fates.values()):
            typer.echo(f"{count} partition(s) {words}.", err=True)


def _read(name: str) -> Snapshot:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        return snapshot_in(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        message = f"{name} cannot be used: {why}."
        raise typer.BadParameter(message) from error
