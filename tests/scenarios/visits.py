"""What people do on pages and in apps, as events of this moment, and a service that forwards it."""

import itertools
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from tests.scenarios.harness import RunningService, World
from tests.segment_events import Fields

APP_ID = "a-test"
CALLS = "page,screen,track,identify"
_numbers = itertools.count()


def collector(world: World, **settings: str) -> dict[str, str]:
    """Settings that forward to the collector."""
    return {
        "DIRECT_CALLS": CALLS,
        "DIRECT_CALL_SINK": "collector",
        "LIVEINTENT_APP_ID": APP_ID,
        "LIVEINTENT_COLLECTOR_URL": world.environ["LIVEINTENT_URL"],
        **settings,
    }


def conversions(world: World, **settings: str) -> dict[str, str]:
    """Settings that forward to the Conversions API."""
    sandbox = world.liveintent.options
    return {
        "DIRECT_CALLS": CALLS,
        "DIRECT_CALL_SINK": "conversions",
        "LIVEINTENT_CONVERSIONS_URL": world.environ["LIVEINTENT_URL"],
        "LIVEINTENT_CONVERSIONS_CUSTOMER_ID": sandbox.conversions_customer_id,
        "LIVEINTENT_CONVERSIONS_TOKEN": sandbox.conversions_token,
        "LIVEINTENT_PIXEL_ID": "4711",
        **settings,
    }


async def forwarding(world: World, settings: Mapping[str, str]) -> RunningService:
    """Start a service with these settings besides the world's."""
    world.environ.update(settings)
    return await world.start_service()


def a_page_view(name: str | None = None, *, age_seconds: float = 0, **fields: object) -> Fields:
    """Somebody looks at a page of their own, with an address LiveIntent could know them by."""
    number = next(_numbers)
    at = datetime.fromtimestamp(time.time() - age_seconds, UTC).isoformat()
    return {
        "type": "page",
        "messageId": f"view-{number}",
        "userId": f"visitor-{number}",
        "name": name or f"Page {number}",
        "properties": {"url": f"https://shop.example/p/{number}"},
        "context": {"ip": "203.0.113.7", "userAgent": "Browser/1.0"},
        "timestamp": at,
        "receivedAt": at,
        **fields,
    }


def an_order(email: str) -> Fields:
    """Somebody buys something."""
    view = a_page_view()
    bought = {"currency": "USD", "revenue": 12.5, "email": email}
    return {**view, "type": "track", "event": "Order Completed", "properties": bought}


def page_views(count: int) -> list[Fields]:
    return [a_page_view() for _ in range(count)]


def names_of(events: Iterable[Fields]) -> set[object]:
    return {event["name"] for event in events}
