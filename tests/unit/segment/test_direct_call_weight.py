"""A direct call is charged for at least what it weighs."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from consumer.direct_queue import WaitingCall
from consumer.kafka.record_weight import CHANGE_BYTES
from consumer.segment.direct_call_record import read_direct_calls
from tests.direct_calls import NOW_US, a_direct_call_policy
from tests.segment_events import ORIGIN, Fields, a_plain_call, event_of

POLICY = a_direct_call_policy()
CALLS = 500


def _page(number: int) -> Fields:
    return a_plain_call(
        "page",
        messageId=f"message-{number:040d}",
        name=f"Page {number}",
        properties={"url": f"https://shop.example/p/{number}", "email": f"p{number}@example.com"},
        context={"ip": f"203.0.113.{number % 250}", "userAgent": f"Browser/1.0 {number}"},
    )


def _order(number: int) -> Fields:
    products = [{"product_id": f"tea-{number}-{i}", "price": i, "name": "чай"} for i in range(8)]
    bought = {"revenue": number + 0.5, "currency": "USD", "products": products}
    context = {"ip": f"203.0.113.{number % 250}"}
    return {
        **a_plain_call("track", properties=bought, context=context),
        "event": "Order Completed",
    }


@pytest.mark.parametrize("make", [_page, _order])
def test_a_call_weighs_no_more_than_it_is_charged_for(make: Callable[[int], Fields]) -> None:
    events = [event_of(make(number)) for number in range(CALLS)]
    kept, charged = [], 0
    # What is kept after a first time (patterns, lines a coverage run has seen) is no call's weight.
    for event in events:
        read_direct_calls((event,), POLICY, ORIGIN, now_us=NOW_US)
    gc.collect()
    tracemalloc.start()
    try:
        for event in events:
            read = read_direct_calls((event,), POLICY, ORIGIN, now_us=NOW_US)
            kept += [WaitingCall(call, None) for call in read.calls]  # type: ignore[arg-type]
            charged += read.size_bytes + CHANGE_BYTES * len(read.calls)
        weighs, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(kept) == CALLS
    assert weighs <= charged, (weighs, charged)
