"""Every part built once, from the settings, and wired to its neighbours."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from consumer.audience.lanes import FlushPolicy, Lanes
from consumer.audience.latest_state import LatestState
from consumer.delivery import Delivery
from consumer.direct_delivery import SWITCHED_OFF
from consumer.kafka.commit_queue import CommitDone
from consumer.kafka.connection import (
    ISOLATION_LEVEL,
    admin_properties,
    consumer_properties,
    producer_properties,
)
from consumer.kafka.dead_letters import DeadLetterLimit, DeadLetters
from consumer.kafka.group_lease import GroupLease, LeaseRenewal, lease_seconds
from consumer.kafka.lag import LagWatch
from consumer.kafka.offset_committer import OffsetCommitter
from consumer.kafka.offset_ledger import CommitOffset, Entry, OffsetLedger
from consumer.kafka.poll_loop import STOPPING
from consumer.kafka.progress import ProgressWatch
from consumer.kafka.record_reader import IntakeLimits, RecordReader
from consumer.kafka.record_weight import UNFINISHED_BYTES
from consumer.liveintent.audience_directory import AudienceDirectory
from consumer.liveintent.audiences_api import AudiencesApi
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.exchange import Exchange
from consumer.liveintent.policies import (
    Account,
    LiveIntentLimits,
    StoreHeaders,
)
from consumer.liveintent.token import Token
from consumer.liveintent.upload_parts import Lease
from consumer.liveintent.uploader import Uploader
from consumer.pipeline import MemoryBudget, Pipeline
from consumer.refusals import Refusals
from consumer.segment.schemas import Schemas
from consumer.service.direct_calls import DirectCalls, direct_calls_of
from consumer.service.feeds import decoder_for
from consumer.service.from_settings import (
    directory_policy,
    policy_from,
    stalled_after_seconds,
    upload_policy,
)
from consumer.service.ordering import OrderingWatch
from consumer.service.privacy import Privacy, privacy_of
from consumer.service.replay_assembly import (
    connection_of,
    prepared_side_group,
    requests_per_second,
    side_replay,
)
from consumer.service.replay_watch import ReplayWatch
from consumer.service.schemas import schemas_for
from consumer.service.side_replay import SideReplay
from consumer.service.tracing import tracing_of
from consumer.settings import Settings
from consumer.telemetry.build import VERSION
from consumer.telemetry.metrics import Metrics
from consumer.withdrawing import Withdrawing

_MEBIBYTE = 2**20
# Below it intake goes on: far enough below the budget that reading does not flap.
_LOW_MARK = 0.7
# A rebalance holds up the whole group, so it waits less than a stop does.
REVOKE_DRAIN_SECONDS = 5.0
# Of the session: a member that keeps the group waiting for longer than that is taken for dead.
_REVOKE_DRAIN_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of."""

    metrics: Metrics
    ledger: OffsetLedger
    schemas: Schemas | None
    directory: AudienceDirectory
    exchange: Exchange
    uploader: Uploader
    dead_letters: DeadLetters
    refusals: Refusals
    delivery: Delivery
    privacy: Privacy | None
    direct: DirectCalls | None
    budget: MemoryBudget
    pipeline: Pipeline
    reader: RecordReader
    committer: OffsetCommitter
    lag: LagWatch
    progress: ProgressWatch
    ordering: OrderingWatch
    replays: ReplayWatch
    side_replay: SideReplay | None


async def assemble(
    settings: Settings,
    stack: AsyncExitStack,
    tasks: asyncio.TaskGroup,
    *,
    registry: CollectorRegistry,
    clock: Clock,
) -> Parts:
    """Build everything; nothing is read or sent yet. What must be closed is left to `stack`.

    `clock` is the time LiveIntent is waited for by.
    """
    now = time.monotonic
    # Before anything else: where a replay beside the live group ends must not depend on what it delivers.
    side = await prepared_side_group(settings)
    metrics = Metrics(registry)
    tracing = await tracing_of(settings, stack, metrics, random=clock.random)
    ledger = OffsetLedger()
    connection = connection_of(settings)
    dead_letters = DeadLetters(
        properties=producer_properties(connection),
        topic=settings.kafka_dead_letter_topic,
        version=VERSION,
        metrics=metrics,
    )
    await dead_letters.start()
    stack.push_async_callback(dead_letters.close, flush_seconds=1.0)
    refusals = Refusals(
        dead_letters=dead_letters,
        ledger=ledger,
        limit=_dead_letter_limit(settings),
        tasks=tasks,
        now=now,
    )
    consumer = consumer_properties(connection)
    lease = GroupLease(lease_seconds(consumer))
    revoke_drain_seconds = min(REVOKE_DRAIN_SECONDS, lease.seconds * _REVOKE_DRAIN_SHARE)

    def commit(offsets: Sequence[CommitOffset], done: CommitDone) -> None:
        reader.commit(offsets, done)

    renewal = LeaseRenewal(lease, commit=commit, anchor=ledger.anchor, now=now)
    liveintent = await _liveintent(settings, stack, metrics, lease=renewal, clock=clock)
    delivery = Delivery(
        lanes=_lanes(settings), uploader=liveintent.uploader, ledger=ledger, refusals=refusals,
        ack=settings.delivery_ack, metrics=metrics, tracing=tracing, tasks=tasks, now=now,
        room=lambda: liveintent.exchange.room - liveintent.uploader.unconfirmed,
    )  # fmt: skip
    liveintent.exchange.on_turn = delivery.look_for_room
    privacy = await privacy_of(
        settings, stack, ledger=ledger, refusals=refusals, metrics=metrics, clock=clock
    )
    policy = policy_from(settings)
    direct = await direct_calls_of(
        settings, stack, policy=policy, ledger=ledger, refusals=refusals, metrics=metrics, tasks=tasks, clock=clock,
    )  # fmt: skip
    schemas = await schemas_for(settings, stack, metrics)
    budget_bytes = settings.memory_budget_mb * _MEBIBYTE
    budget = MemoryBudget(high_bytes=budget_bytes, low_bytes=int(budget_bytes * _LOW_MARK))

    def liveintent_blocked() -> str | None:
        # Only a call under way finds out that LiveIntent is back. With none, reading on brings the next; as it does
        # when a few audiences fail, and no other has tried.
        health = liveintent.exchange.health
        if health.blocked is None or not health.is_certain or not delivery.busy:
            return None
        return health.blocked.value

    pipeline = Pipeline(
        decoder=await asyncio.to_thread(
            decoder_for, settings, schemas, metrics, audiences=settings.listed_audiences
        ),
        schemas=schemas, policy=policy, ledger=ledger, delivery=delivery, refusals=refusals,
        withdrawing=Withdrawing(
            audiences=policy.audiences, delivery=delivery,
            privacy=None if privacy is None else privacy.delivery, metrics=metrics,
        ),
        direct=SWITCHED_OFF if direct is None else direct.delivery,
        budget=budget, liveintent_blocked=liveintent_blocked, drain_seconds=revoke_drain_seconds,
        metrics=metrics, tracing=tracing, now=now,
    )  # fmt: skip
    reader = RecordReader(
        properties=consumer, topics=settings.kafka_topics, first_start=settings.kafka_first_start, listener=pipeline,
        lease=lease, loop=asyncio.get_running_loop(), metrics=metrics, drain_seconds=revoke_drain_seconds,
        limits=_intake_limits(budget_bytes),
    )  # fmt: skip
    pipeline.taken = reader.taken
    lag = LagWatch(
        properties=admin_properties(connection), group_id=connection.group_id,
        isolation_level=consumer[ISOLATION_LEVEL], topics=settings.kafka_topics,
        assignment=lambda: reader.assignment, positions=lambda: reader.positions,
        committed=ledger.committed_offset, metrics=metrics, markers=lambda: reader.markers,
    )  # fmt: skip
    return Parts(
        metrics=metrics, ledger=ledger, schemas=schemas, directory=liveintent.directory, exchange=liveintent.exchange,
        uploader=liveintent.uploader, dead_letters=dead_letters, refusals=refusals, delivery=delivery, privacy=privacy,
        direct=direct, budget=budget,
        pipeline=pipeline, reader=reader,
        committer=OffsetCommitter(
            source=ledger, commit=reader.commit, metrics=metrics, interval_seconds=settings.kafka_commit_seconds
        ),
        lag=lag,
        progress=ProgressWatch(
            ledger=ledger, lag=lag, held_for=lambda: reader.paused & {STOPPING},
            stalled_after_seconds=stalled_after_seconds(settings), metrics=metrics, now=now,
        ),
        ordering=OrderingWatch(
            records_without_key=lambda: pipeline.records_without_key,
            members_on_several_partitions=lambda: delivery.lanes.latest.wanderers.count,
            held=lambda: reader.assignment, topic_partitions=lambda: lag.topic_partitions, metrics=metrics, now=now,
        ),
        replays=ReplayWatch(
            held=lambda: reader.assignment, markers=lambda: reader.markers, progress=lag,
            side_replay_id=settings.replay_id, metrics=metrics,
        ),
        side_replay=None if side is None else side_replay(
            settings, side, pipeline=pipeline, reader=reader, ledger=ledger
        ),
    )  # fmt: skip


def _intake_limits(budget_bytes: int) -> IntakeLimits:
    """What may wait for its turn: with what each record costs beside its bytes, a quarter of the budget at most."""
    share, usual = budget_bytes // 8, IntakeLimits()
    return IntakeLimits(
        records=min(usual.records, share // UNFINISHED_BYTES),
        size_bytes=min(usual.size_bytes, share),
    )


@dataclass(frozen=True, slots=True)
class _LiveIntent:
    exchange: Exchange
    directory: AudienceDirectory
    uploader: Uploader


async def _liveintent(
    settings: Settings, stack: AsyncExitStack, metrics: Metrics, *, lease: Lease, clock: Clock
) -> _LiveIntent:
    limits = LiveIntentLimits(
        requests_per_second=requests_per_second(settings),
        concurrency=settings.liveintent_concurrency,
        page_size=settings.liveintent_page_size,
    )
    client = await stack.enter_async_context(
        LiveIntentClient(
            settings.liveintent_url, metrics,
            store_headers=StoreHeaders(settings.upload_content_type, settings.upload_headers),
        )
    )  # fmt: skip
    exchange = Exchange(
        Token(settings.liveintent_api_key.read, clock=clock), limits, metrics, clock=clock
    )
    api = AudiencesApi(
        client,
        exchange,
        page_size=limits.page_size,
        metadata_encoding=settings.liveintent_metadata_encoding,
    )
    account = Account(settings.liveintent_account_id, settings.liveintent_data_provider_id)
    directory = AudienceDirectory(api, account, directory_policy(settings), metrics, clock=clock)
    uploader = Uploader(
        api, directory, metrics, clock=clock, policy=upload_policy(settings), lease=lease
    )
    return _LiveIntent(exchange, directory, uploader)


def _lanes(settings: Settings) -> Lanes[Entry]:
    return Lanes(
        FlushPolicy(seconds=settings.flush_seconds, rows=settings.flush_rows),
        LatestState(settings.latest_state_members),
    )


def _dead_letter_limit(settings: Settings) -> DeadLetterLimit | None:
    if settings.dead_letter_limit == 0:
        return None
    return DeadLetterLimit(settings.dead_letter_limit, settings.dead_letter_limit_seconds)
