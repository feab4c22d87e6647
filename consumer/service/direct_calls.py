"""Direct calls, built from the settings."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from consumer.choices import DirectCallSink
from consumer.direct_delivery import DirectDelivery
from consumer.kafka.offset_ledger import OffsetLedger
from consumer.liveintent.clock import Clock
from consumer.liveintent.collector import Collector
from consumer.liveintent.conversions import Conversions
from consumer.liveintent.direct_call_outcome import direct_call_outcome
from consumer.liveintent.direct_http import DirectHttp
from consumer.liveintent.exchange import Blocked, Exchange, Health
from consumer.liveintent.parcel import Sink
from consumer.liveintent.policies import LiveIntentLimits
from consumer.liveintent.retry_schedule import RetrySchedule
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import Host
from consumer.refusals import Refusals
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.event_map.events import EventTable
from consumer.segment.event_map.reading import load_event_map
from consumer.segment.membership_policy import MembershipPolicy
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.status import DirectCallStatus

_RETRIES = RetrySchedule(first_seconds=1.0, max_seconds=60.0)


@dataclass(frozen=True, slots=True)
class DirectCalls:
    """What is on its way, and how each sink's host fares."""

    delivery: DirectDelivery
    exchanges: tuple[Exchange, ...] = field(repr=False)

    @property
    def obstacles(self) -> tuple[Health, ...]:
        """Everything that holds direct calls back now."""
        return tuple(each for exchange in self.exchanges for each in exchange.obstacles)

    @property
    def status(self) -> tuple[DirectCallStatus, ...]:
        """What is on its way to each sink."""
        delivery = self.delivery
        return tuple(
            DirectCallStatus(sink.value, delivery.waiting(sink), delivery.in_flight(sink))
            for sink in delivery.sinks
        )

    def show_in(self, metrics: Metrics) -> None:
        """Have the gauges read at each scrape."""
        gauges, delivery = metrics.of_direct_calls, self.delivery
        for sink in delivery.sinks:
            gauges.waiting.labels(sink).set_function(partial(delivery.waiting, sink))
            gauges.in_flight.labels(sink).set_function(partial(delivery.in_flight, sink))

    @property
    def token_refused(self) -> bool:
        """Whether the Conversions API refuses our token."""
        return any(each.blocked is Blocked.UNAUTHORISED for each in self.obstacles)


async def direct_calls_of(  # noqa: PLR0913 - everything the service has built by then
    settings: Settings,
    stack: AsyncExitStack,
    *,
    policy: MembershipPolicy,
    ledger: OffsetLedger,
    refusals: Refusals,
    metrics: Metrics,
    tasks: asyncio.TaskGroup,
    clock: Clock,
) -> DirectCalls | None:
    """Build them, None when DIRECT_CALLS names no call. Connections are left to `stack`.

    None beside the live group too: a replay is for members, and a visit is not made twice. Raises SettingsError when the event
    map cannot be used.
    """
    if not settings.direct_calls or settings.replay_id is not None:
        return None
    event_map = await asyncio.to_thread(load_event_map, settings.direct_call_event_map)
    http = await stack.enter_async_context(
        DirectHttp(metrics, concurrency=settings.direct_call_concurrency)
    )
    built = {
        name: _SINKS[name](settings, http, metrics, clock) for name in settings.direct_call_sink
    }
    delivery = DirectDelivery(
        sinks={name: sink for name, (sink, _) in built.items()},
        policy=DirectCallPolicy(
            sinks=frozenset(built),
            calls=frozenset(settings.direct_calls),
            events=EventTable(event_map),
            membership=policy,
            max_age_seconds=settings.direct_call_max_age_seconds,
        ),
        concurrency=settings.direct_call_concurrency,
        ledger=ledger,
        refusals=refusals,
        metrics=metrics,
        tasks=tasks,
        now=time.monotonic,
        utc_seconds=lambda: clock.utc_now().timestamp(),
    )
    return DirectCalls(delivery, tuple(exchange for _, exchange in built.values()))


def _collector(
    settings: Settings, http: DirectHttp, metrics: Metrics, clock: Clock
) -> tuple[Sink, Exchange]:
    exchange = _exchange(settings, Host.COLLECTOR, lambda: "", metrics, clock)
    sink = Collector(
        http,
        exchange,
        settings.liveintent_collector_url or "",
        app_id=settings.liveintent_app_id or "",
        wrapper_name=settings.direct_call_wrapper_name,
        max_characters=settings.direct_call_max_characters,
        clock=clock,
    )
    return sink, exchange


def _conversions(
    settings: Settings, http: DirectHttp, metrics: Metrics, clock: Clock
) -> tuple[Sink, Exchange]:
    token = settings.liveintent_conversions_token
    assert token is not None  # noqa: S101 - the settings refuse the sink without it
    exchange = _exchange(settings, Host.CONVERSIONS, token.read, metrics, clock)
    sink = Conversions(
        http,
        exchange,
        settings.liveintent_conversions_url or "",
        customer_id=settings.liveintent_conversions_customer_id or "",
        pixel_id=settings.liveintent_pixel_id or 0,
    )
    return sink, exchange


def _exchange(
    settings: Settings, host: Host, token: Callable[[], str], metrics: Metrics, clock: Clock
) -> Exchange:
    return Exchange(
        Token(token, clock=clock),
        LiveIntentLimits(
            requests_per_second=settings.direct_call_requests_per_second,
            concurrency=settings.direct_call_concurrency,
        ),
        metrics,
        clock=clock,
        schedule=_RETRIES,
        hosts=(host,),
        judge=direct_call_outcome,
    )


_SINKS: dict[
    DirectCallSink, Callable[[Settings, DirectHttp, Metrics, Clock], tuple[Sink, Exchange]]
] = {
    DirectCallSink.COLLECTOR: _collector,
    DirectCallSink.CONVERSIONS: _conversions,
}
