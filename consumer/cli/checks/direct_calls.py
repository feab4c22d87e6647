"""The sinks of direct calls: what can be learnt of them without a call that counts, which is not much."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from prometheus_client import CollectorRegistry
from yarl import URL

from consumer.choices import DirectCallSink
from consumer.cli.checks.findings import Check, Finding, failed, ok, warning
from consumer.errors import SettingsError
from consumer.liveintent.conversions import conversions_headers, conversions_url
from consumer.liveintent.direct_http import DirectHttp
from consumer.liveintent.policies import Timeouts
from consumer.liveintent.upload_outcome import Answer, Operation
from consumer.segment.event_map.reading import load_event_map
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics

_NO_EVENTS = b"[]"
_WITHOUT_EVENTS = (
    "as far as a request without events can tell; whether the pixel id is right only an event would"
)
_ANSWERS_TO_NO_EVENTS = frozenset({200, 202, 204, 400, 422})
_UNAUTHORISED_ADVICE = (
    "Put the token of the Conversions API that your LiveIntent account manager issued into LIVEINTENT_CONVERSIONS_TOKEN, or "
    "into the file that LIVEINTENT_CONVERSIONS_TOKEN_FILE names. It is rotated."
)
_CUSTOMER_ADVICE = "Check LIVEINTENT_CONVERSIONS_URL and LIVEINTENT_CONVERSIONS_CUSTOMER_ID."
_COLLECTOR_ADVICE = "Check LIVEINTENT_COLLECTOR_URL, and that this machine may connect there."


async def direct_call_findings(settings: Settings, *, seconds: float) -> AsyncIterator[Finding]:
    """Look at the event map, and at each sink, one attempt of at most `seconds`. Nothing that LiveIntent counts is sent."""
    if not settings.direct_calls:
        return
    try:
        await asyncio.to_thread(load_event_map, settings.direct_call_event_map)
    except SettingsError as error:
        for problem in error.problems:
            yield failed(Check.DIRECT_CALLS, problem, subject="event map")
    else:
        yield ok(Check.DIRECT_CALLS, "can be used", subject="event map")
    timeouts = Timeouts(connect_seconds=seconds, read_seconds=seconds, request_seconds=seconds)
    metrics = Metrics(CollectorRegistry())
    async with DirectHttp(metrics, concurrency=1, timeouts=timeouts) as http:
        for sink in settings.direct_call_sink:
            yield await _LOOKS[sink](settings, http)


async def _collector(settings: Settings, http: DirectHttp) -> Finding:
    """Ask for a path that is none of its own: each request to its own may count as a visit."""
    sink = DirectCallSink.COLLECTOR
    url = URL(f"{(settings.liveintent_collector_url or '').rstrip('/')}/", encoded=True)
    reply = await http.get(Operation.COLLECT, url, {})
    if not isinstance(reply, Answer):
        return failed(
            Check.DIRECT_CALLS, f"no answer ({reply})", subject=sink, advice=_COLLECTOR_ADVICE
        )
    return warning(
        Check.DIRECT_CALLS,
        "is there; whether it takes our calls, and knows our AppId, it never tells, not even for a call that counts",
        subject=sink,
        advice="Forward a few events, and ask your LiveIntent contact whether they arrived.",
    )


async def _conversions(settings: Settings, http: DirectHttp) -> Finding:
    """Send a request without any event: LiveIntent must look at the token before it can refuse it."""
    sink = DirectCallSink.CONVERSIONS
    token = settings.liveintent_conversions_token
    url = conversions_url(
        settings.liveintent_conversions_url or "", settings.liveintent_conversions_customer_id or ""
    )
    reply = await http.post(
        Operation.CONVERT,
        url,
        _NO_EVENTS,
        conversions_headers("" if token is None else token.read()),
    )
    if not isinstance(reply, Answer):
        return failed(
            Check.DIRECT_CALLS, f"no answer ({reply})", subject=sink, advice=_CUSTOMER_ADVICE
        )
    if reply.status in {401, 403}:
        return failed(
            Check.DIRECT_CALLS,
            f"LiveIntent does not accept our token ({reply.status})",
            subject=sink,
            advice=_UNAUTHORISED_ADVICE,
        )
    if reply.status in _ANSWERS_TO_NO_EVENTS:
        return ok(
            Check.DIRECT_CALLS, f"takes our token and customer id, {_WITHOUT_EVENTS}", subject=sink
        )
    return failed(
        Check.DIRECT_CALLS,
        f"no usable answer ({reply.status}) to a request without events",
        subject=sink,
        advice=_CUSTOMER_ADVICE,
    )


_LOOKS: dict[DirectCallSink, Callable[[Settings, DirectHttp], Awaitable[Finding]]] = {
    DirectCallSink.COLLECTOR: _collector,
    DirectCallSink.CONVERSIONS: _conversions,
}
