"""Privacy requests, built from the settings."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from consumer.kafka.offset_ledger import OffsetLedger
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.privacy import PrivacyApi
from consumer.liveintent.token import Token
from consumer.privacy_delivery import PrivacyDelivery
from consumer.refusals import Refusals
from consumer.service.from_settings import privacy_terms
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Privacy:
    """The Privacy API, and what is on its way there."""

    api: PrivacyApi
    delivery: PrivacyDelivery


async def privacy_of(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    ledger: OffsetLedger,
    refusals: Refusals,
    metrics: Metrics,
    clock: Clock,
) -> Privacy | None:
    """Build it, None when PRIVACY_REQUESTS asks for nothing. Connections are left to `stack`.

    None beside the live group too: what it asked for once cannot be undone, and is not asked for again.
    """
    if settings.replay_id is not None:
        return None
    url, secret = settings.liveintent_privacy_url, settings.liveintent_privacy_token
    if not settings.privacy_requests or url is None or secret is None:
        return None
    client = await stack.enter_async_context(LiveIntentClient(url, metrics))
    api = PrivacyApi(
        client,
        Token(secret.read, clock=clock),
        privacy_terms(settings),
        metrics,
        requests_per_second=settings.liveintent_requests_per_second,
        clock=clock,
    )
    delivery = PrivacyDelivery(
        api=api,
        asked_for=settings.privacy_requests,
        ledger=ledger,
        refusals=refusals,
        metrics=metrics,
    )
    return Privacy(api, delivery)
