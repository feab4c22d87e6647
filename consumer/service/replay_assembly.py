"""The parts of a replay beside the live group, from the settings; and what the others need to know of one."""

import asyncio
from datetime import datetime
from functools import partial

import structlog

from consumer.audience.replay_rounds import ReplayRounds
from consumer.errors import KafkaFatal
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.offset_ledger import OffsetLedger
from consumer.kafka.record_reader import RecordReader
from consumer.kafka.side_group import SideSpan, log_ends, note_done, prepare, side_group
from consumer.pipeline import Pipeline
from consumer.service.side_replay import SideReplay
from consumer.settings import Settings

log = structlog.get_logger(__name__)


def connection_of(settings: Settings) -> KafkaConnection:
    """Where the brokers are, and which group we are in: the replay's own, if we are there for one."""
    group = settings.kafka_group_id
    return KafkaConnection(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=group if settings.replay_id is None else side_group(group, settings.replay_id),
        properties=settings.kafka_properties,
    )


def requests_per_second(settings: Settings) -> float:
    """What we may ask of LiveIntent."""
    if settings.replay_id is not None:
        return settings.replay_requests_per_second
    return settings.liveintent_requests_per_second


async def prepared_side_group(settings: Settings) -> SideSpan | None:
    """Fix what is replayed beside the live group; None when nothing is.

    Raises SettingsError, ReplayRefused, OffsetsNotAsWritten, KafkaFatal.
    """
    if settings.replay_id is None:
        return None
    start, end = settings.replay_from, settings.replay_to
    return await asyncio.to_thread(
        partial(
            prepare,
            connection_of(settings),
            settings.kafka_topics,
            replay_id=settings.replay_id,
            start=start if isinstance(start, datetime) else None,
            end=end if isinstance(end, datetime) else None,
        )
    )


def side_replay(
    settings: Settings,
    span: SideSpan,
    *,
    pipeline: Pipeline,
    reader: RecordReader,
    ledger: OffsetLedger,
) -> SideReplay:
    """The replay, ready to run; from now on the pipeline sends only what its rounds admit."""
    rounds = ReplayRounds(resumed=span.is_resumed)
    pipeline.admits = rounds.admits
    return SideReplay(
        span=span,
        rounds=rounds,
        reader=reader,
        ledger=ledger,
        log_ends=partial(log_ends, connection_of(settings), settings.kafka_topics),
    )


async def note_replay_done(settings: Settings, span: SideSpan) -> None:
    """Have a later process of this replay find nothing to do. That it is not noted costs no more than that."""
    try:
        await asyncio.to_thread(note_done, connection_of(settings), span)
    except KafkaFatal as error:
        log.warning("That the replay is done could not be noted.", error=str(error))
