"""What running services say they have stored at LiveIntent, from their /status and /metrics."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families

from consumer.cli.audiences_comparison import Kind
from consumer.errors import CheckFailed
from consumer.liveintent.shapes import AudienceId
from consumer.telemetry.metrics import PREFIX

_ROWS = f"{PREFIX}_upload_rows_total"
# /status lists the worst unless it is asked for more.
_EVERY_LANE = 999_999_999


@dataclass(frozen=True, slots=True)
class Service:
    """What services together have stored since the first of them started, and where."""

    since: datetime
    audiences: frozenset[AudienceId]
    stored: Counter[Kind]


async def read_services(urls: Iterable[str], *, seconds: float) -> Service:
    """Ask each service at its HTTP_PORT, such as http://10.0.0.7:8080. Raises CheckFailed when one does not answer."""
    each: list[Service] = []
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for url in urls:
            status = await _read(session, url, f"status?lanes={_EVERY_LANE}")
            metrics = await _read(session, url, "metrics")
            try:
                each.append(_service(status, metrics.decode()))
            except (ValueError, KeyError, TypeError):
                message = f"{url} answers, and is not a segment-liveintent service."
                raise CheckFailed(message) from None
    return Service(
        min(service.since for service in each),
        frozenset().union(*(service.audiences for service in each)),
        sum((service.stored for service in each), Counter()),
    )


async def _read(session: aiohttp.ClientSession, url: str, what: str) -> bytes:
    try:
        async with session.get(f"{url.rstrip('/')}/{what}", raise_for_status=True) as answer:
            return await answer.read()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        message = f"{url} does not answer as a segment-liveintent service ({type(error).__name__})."
        raise CheckFailed(message) from None


def _service(status: bytes, metrics: str) -> Service:
    fields = orjson.loads(status)
    ids = (lane["audience_id"] for lane in fields["lanes"])
    stored: Counter[Kind] = Counter()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == _ROWS:
                kind = (sample.labels["action"], sample.labels["identifier_type"])
                stored[kind] += int(sample.value)
    return Service(
        datetime.fromisoformat(fields["started_at"]),
        frozenset(AudienceId(each) for each in ids if each is not None),
        stored,
    )
