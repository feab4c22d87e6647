"""Which of the forty kinds of events are forwarded as direct calls: what people did, never what Engage says of them."""

import json
from dataclasses import replace

import pytest

from consumer.direct_calls.call import DirectCall
from consumer.record import IgnoreReason
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.direct_call_rules import may_be_direct_call, read_direct_call
from tests.contract.test_public_segment_events import (
    ACCOUNTS,
    BUYERS,
    DIGEST,
    GOLD,
    JOURNEY,
    KINDS,
    NUMERIC,
    STEP,
    a_policy,
    samples,
)
from tests.direct_calls import BOTH, a_direct_call_policy
from tests.segment_events import ORIGIN, Fields, event_of

OUTCOMES: dict[int, IgnoreReason | None] = {
    35: IgnoreReason.DIRECT_CALL_UNMAPPED,  # the consent event
    36: None,  # an order
    37: None,  # a screen
}
"""Of the kinds that are judged at all; None is a call."""


def policy_for(audiences: list[str]) -> DirectCallPolicy:
    membership = a_policy(audiences, is_lenient=False)
    return replace(a_direct_call_policy(sinks=BOTH), membership=membership)


def read(fields: Fields, policy: DirectCallPolicy) -> DirectCall | IgnoreReason | None:
    event = event_of(fields)
    if not may_be_direct_call(event, policy):
        return None
    now_us = event.received_us or 0
    return read_direct_call(event, policy, ORIGIN, now_us=now_us)


@pytest.mark.parametrize("number", list(KINDS))
def test_only_what_people_did_is_judged_as_a_direct_call(number: int) -> None:
    policy = policy_for([BUYERS, GOLD, DIGEST, NUMERIC, ACCOUNTS, JOURNEY, STEP])

    is_judged = may_be_direct_call(event_of(KINDS[number].event), policy)

    assert is_judged is (number in OUTCOMES)


def test_the_reference_samples_become_an_order_and_a_screen() -> None:
    found = samples()
    if not found:
        print("Not compared with the reference samples: there are none.")
        return
    policy = policy_for(["vip_customers", "lapsed_buyers_90d"])
    told = {number: read(fields, policy) for number, fields in found}
    order, screen = told[36], told[37]

    assert {number for number, each in told.items() if each is not None} == OUTCOMES.keys()
    assert told[35] is IgnoreReason.DIRECT_CALL_UNMAPPED
    assert isinstance(order, DirectCall)
    assert json.loads(order.event_json)["conversionId"] == "ord-88213"
    assert (order.sink, order.purchase.value, order.purchase.currency) == (
        "conversions",
        64.5,
        "USD",
    )
    assert isinstance(screen, DirectCall)
    assert json.loads(screen.event_json) == {
        "event": "pageView", "name": "Home", "ipv4": "203.0.113.80",
    }  # fmt: skip
