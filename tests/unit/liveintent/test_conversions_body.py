import json

import pytest

from consumer.choices import DirectCallSink
from consumer.direct_calls.call import ConversionSource, Purchase
from consumer.direct_calls.page_address import PageAddress
from consumer.liveintent.conversions_body import MOST_EVENTS, conversion, conversions_body
from tests.direct_calls import BOTH, MD5, SHA1, SHA256, a_call, a_direct_call_policy, a_visit, sent


def test_a_conversion_says_who_when_where_and_how_much() -> None:
    call = a_call(
        sink=DirectCallSink.CONVERSIONS,
        email_hashes=(MD5, SHA1, SHA256),
        ip="203.0.113.7",
        user_agent="App/1.0",
        page=PageAddress("https://shop.example/checkout/"),
        purchase=Purchase(currency="EUR", value=64.0),
    )

    assert json.loads(conversions_body([call], pixel_id=4711)) == [
        {
            "eventId": call.event_id,
            "pixelId": 4711,
            "eventTime": 1_772_439_300,
            "source": "web",
            "userData": {"sha2": SHA256, "md5": MD5, "ip": "203.0.113.7", "ua": "App/1.0"},
            "purchaseData": {"currency": "EUR", "value": 64, "sourceUrl": "https://shop.example/checkout/"},
        }
    ]  # fmt: skip


def test_what_is_not_known_is_left_out() -> None:
    call = a_call(ip6="2001:db8::1", email_hashes=(SHA1,), source=ConversionSource.APP)

    told = conversion(call, pixel_id=1)

    assert told["userData"] == {"ip": "2001:db8::1"}
    assert told["purchaseData"] == {}
    assert told["source"] == "app"


def test_the_same_event_has_the_same_id_whenever_it_is_sent() -> None:
    order = a_visit("track", event="Order Completed", messageId="order-1")
    policy = a_direct_call_policy(sinks=BOTH)

    first, again = sent(order, policy), sent(order | {"receivedAt": "2026-03-02T08:16:00Z"}, policy)

    assert conversion(first, pixel_id=1) == conversion(again, pixel_id=1)


def test_a_request_tells_of_a_hundred_conversions_in_their_order() -> None:
    calls = [a_call(message_id=f"m-{i}") for i in range(MOST_EVENTS)]

    told = json.loads(conversions_body(calls, pixel_id=1))

    assert [each["eventId"] for each in told] == [call.event_id for call in calls]


@pytest.mark.parametrize("count", [0, MOST_EVENTS + 1])
def test_more_than_a_hundred_or_none_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 100 conversions"):
        conversions_body([a_call()] * count, pixel_id=1)
