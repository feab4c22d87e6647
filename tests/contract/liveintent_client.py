"""The real client, directory and uploader against the sandbox, over real sockets, with short times."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.choices import MetadataEncoding
from consumer.liveintent.audience_directory import AudienceDirectory
from consumer.liveintent.audiences_api import AudiencesApi
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.exchange import Exchange
from consumer.liveintent.policies import (
    Account,
    DirectoryPolicy,
    LiveIntentLimits,
    Spelling,
    StoreHeaders,
    Timeouts,
    UploadPolicy,
    UploadTimes,
)
from consumer.liveintent.retry_schedule import RetrySchedule
from consumer.liveintent.token import Token
from consumer.liveintent.uploader import SendResult, Uploader
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from consumer.telemetry.metrics import PREFIX, Metrics

KEY = AudienceKey("spring_buyers")
ADD = (Action.ADD, IdentifierType.EMAIL_HASH)
REMOVE = (Action.REMOVE, IdentifierType.EMAIL_HASH)
What = tuple[Action, IdentifierType]

QUICK_TIMES = UploadTimes(
    poll_initial_seconds=0.02,
    poll_max_seconds=0.1,
    list_deadline_seconds=0.4,
    finish_deadline_seconds=0.8,
    earlier_deadline_seconds=0.5,
    clock_skew_seconds=2.0,
    error_schedule=RetrySchedule(first_seconds=0.02),
)
QUICK_DIRECTORY = DirectoryPolicy(settle_waits_seconds=(0.05, 0.1, 0.2), park_seconds=0.3)


def hashes(count: int, *, of: str = "person") -> list[str]:
    return [hashlib.sha256(f"{of} {n}".encode()).hexdigest() for n in range(count)]


@dataclass
class Batch:
    held: dict[What, list[str]]
    audience: AudienceKey = KEY

    def files(self) -> Sequence[What]:
        return list(self.held)

    def rows(self, action: Action, identifier_type: IdentifierType) -> list[str]:
        return list(self.held[action, identifier_type])


class Rig:
    """Everything between a batch and LiveIntent, as the service builds it."""

    def __init__(
        self,
        sandbox: LiveIntentSandbox,
        client: LiveIntentClient,
        metrics: Metrics,
        *,
        directory: DirectoryPolicy = QUICK_DIRECTORY,
        spelling: Spelling = Spelling(),  # noqa: B008 - frozen
        metadata_encoding: MetadataEncoding = MetadataEncoding.NONE,
    ) -> None:
        self.sandbox = sandbox
        self.client = client
        self.metrics = metrics
        self.token = sandbox.options.token
        clock = Clock()
        self.exchange = Exchange(
            Token(lambda: self.token, clock=clock, refresh_seconds=0.05),
            LiveIntentLimits(requests_per_second=1000, concurrency=4),
            metrics,
            clock=clock,
            schedule=RetrySchedule(first_seconds=0.02, max_seconds=0.1),
            circuit_schedule=RetrySchedule(first_seconds=0.1, max_seconds=0.3),
        )
        self.api = AudiencesApi(
            client, self.exchange, page_size=5, metadata_encoding=metadata_encoding
        )
        account = Account(sandbox.options.account_id, sandbox.options.data_provider_id)
        self.directory = AudienceDirectory(self.api, account, directory, metrics, clock=clock)
        self.uploader = Uploader(
            self.api,
            self.directory,
            metrics,
            policy=UploadPolicy(times=QUICK_TIMES, spelling=spelling),
            clock=clock,
        )
        self.stored = 0

    async def send(self, files: dict[What, list[str]], audience: AudienceKey = KEY) -> SendResult:
        """Send one batch, within ten seconds."""

        def on_stored() -> None:
            self.stored += 1

        async with asyncio.timeout(10):
            return await self.uploader.send(Batch(files, audience), on_stored=on_stored)

    def members(self, audience: AudienceKey = KEY) -> set[str]:
        return self.sandbox.members(audience).get("EMAIL_HASH", set())

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"{PREFIX}_{name}", labels)


@asynccontextmanager
async def a_rig(
    options: SandboxOptions | None = None,
    *,
    timeouts: Timeouts | None = None,
    directory: DirectoryPolicy = QUICK_DIRECTORY,
    store_headers: StoreHeaders | None = None,
    spelling: Spelling = Spelling(),  # noqa: B008 - frozen
    metadata_encoding: MetadataEncoding = MetadataEncoding.NONE,
) -> AsyncIterator[Rig]:
    """A sandbox and the parts that speak to it, both stopped at the end."""
    sandbox = LiveIntentSandbox(
        options or SandboxOptions(processing_seconds=0.05, content_type_is_breach=True)
    )
    metrics = Metrics(CollectorRegistry())
    url = await sandbox.start()
    try:
        async with LiveIntentClient(
            url, metrics, timeouts=timeouts or Timeouts(), store_headers=store_headers
        ) as client:
            yield Rig(
                sandbox,
                client,
                metrics,
                directory=directory,
                spelling=spelling,
                metadata_encoding=metadata_encoding,
            )
    finally:
        await sandbox.stop()
