import json
from dataclasses import replace

import pytest

from consumer.choices import DirectCallSink, EmailHash, SegmentCall
from consumer.direct_calls.call import ConversionSource, DirectCall, Purchase
from consumer.direct_calls.page_address import PageAddress
from consumer.record import IgnoreReason
from consumer.segment.direct_call_rules import may_be_direct_call
from tests.direct_calls import (
    ADA,
    BOTH,
    HAPPENED_US,
    MD5,
    SHA1,
    SHA256,
    a_direct_call_policy,
    a_visit,
    judged,
    sent,
)
from tests.segment_events import (
    KEY,
    ORIGIN,
    Fields,
    a_plain_call,
    a_track,
    an_identify,
    event_of,
    personas,
)

SHOP = "https://shop.example/checkout/"
AGREED = {"categoryPreferences": {"Advertising": True}}
REFUSED = {"categoryPreferences": {"Advertising": False}}
ORDER = {"order_id": "o-1", "revenue": 64.5, "currency": "usd"}


def an_order(
    *,
    email: str = ADA,
    context: Fields | None = None,
    properties: Fields | None = None,
) -> Fields:
    order = ORDER if properties is None else properties
    return a_visit("track", email=email, context=context, event="Order Completed", properties=order)


# What is told.


def test_a_call_says_what_happened_to_whom_where_and_when() -> None:
    call = sent(
        an_order(
            context={
                "page": {"url": SHOP, "referrer": "https://shop.example/cart"},
                "userAgent": "Mozilla/5.0",
                "us_privacy": "1YNN",
            }
        )
    )

    assert call == DirectCall(
        sink=DirectCallSink.COLLECTOR,
        call=SegmentCall.TRACK,
        message_id="personas_7Hq2",
        event_us=HAPPENED_US,
        event_json='{"event":"conversion","name":"Order Completed","conversionId":"o-1","amount":64.5,"currency":"usd",'
        '"email":"*********","ipv4":"203.0.113.7","userAgent":"Mozilla/5.0"}',
        email_hashes=(MD5, SHA1, SHA256),
        page=PageAddress(SHOP),
        referrer="https://shop.example/cart",
        ip="203.0.113.7",
        user_agent="Mozilla/5.0",
        privacy=replace(call.privacy, us_privacy="1YNN"),
        source=ConversionSource.WEB,
        purchase=Purchase(currency="USD", value=64.5),
    )


def test_a_conversion_goes_to_the_better_sink_that_is_switched_on() -> None:
    assert sent(an_order(), a_direct_call_policy(sinks=BOTH)).sink is DirectCallSink.CONVERSIONS
    assert sent(an_order()).sink is DirectCallSink.COLLECTOR


def test_an_identify_is_told_only_of_somebody_with_an_email() -> None:
    call = sent(a_visit("identify", email=None, traits={"email": "ada@example.com", "plan": "pro"}))

    assert json.loads(call.event_json) == {"email": "*********", "ipv4": "203.0.113.7"}
    assert judged(a_visit("identify", email=None)) is IgnoreReason.NO_IDENTIFIER


def test_one_hash_is_told_as_it_came() -> None:
    call = sent(a_visit("page", email=SHA1.upper()))

    assert call.email_hashes == (SHA1,)
    assert json.loads(call.event_json)["emailHash"] == SHA1


def test_only_the_hashes_that_are_wanted_are_made() -> None:
    call = sent(a_visit("page"), a_direct_call_policy(email_hashes=(EmailHash.SHA256,)))

    assert call.email_hashes == (SHA256,)


def test_a_groups_own_email_is_nobodys() -> None:
    policy = a_direct_call_policy('[group]\nevent = "account"')
    company = a_visit("group", email=None, traits={"email": "info@example.com"})
    person = a_visit("group", traits={"email": "info@example.com"})

    assert sent(company, policy).email_hashes == ()
    assert sent(person, policy).email_hashes == (MD5, SHA1, SHA256)


def test_the_time_is_clamped_as_a_memberships_is() -> None:
    late = a_visit("page", timestamp="2031-05-01T00:00:00Z", receivedAt="2026-03-02T08:15:00Z")

    assert sent(late).event_us == HAPPENED_US + 300_000_000


def test_an_event_without_an_id_has_its_place_in_kafka_for_one() -> None:
    assert sent(a_visit("page", messageId=None)).message_id == ORIGIN.name


@pytest.mark.parametrize("currency", ["US", "dollars", "U$D", "üüü", 840])
def test_a_currency_that_is_none_is_not_part_of_the_purchase(currency: object) -> None:
    order = an_order(properties={**ORDER, "currency": currency})

    assert sent(order).purchase == Purchase(value=64.5)


def test_what_a_purchase_is_worth_may_be_unknown() -> None:
    assert sent(an_order(properties={})).purchase == Purchase()


# What is not told, and why.


@pytest.mark.parametrize(
    "fields",
    [
        a_visit("track", event="Coupon Applied"),
        a_visit("group"),
        a_visit("track"),
    ],
)
def test_a_call_without_a_row_is_unmapped(fields: Fields) -> None:
    assert judged(fields) is IgnoreReason.DIRECT_CALL_UNMAPPED


def test_a_page_that_only_sets_an_email_is_never_sent() -> None:
    policy = a_direct_call_policy('[unlisted]\npolicy = "camel-case"')

    assert judged(a_visit("track", event="setEmail"), policy) is IgnoreReason.DIRECT_CALL_UNMAPPED
    assert sent(a_visit("track", event="setContent"), policy).event_json.startswith(
        '{"event":"setC'
    )


def test_a_call_whose_sinks_are_switched_off_is_off() -> None:
    only_conversions = a_direct_call_policy(sinks=[DirectCallSink.CONVERSIONS])

    assert judged(a_visit("page"), only_conversions) is IgnoreReason.DIRECT_CALL_OFF
    assert judged(an_order(), a_direct_call_policy(sinks=[])) is IgnoreReason.DIRECT_CALL_OFF
    assert sent(an_order(), only_conversions).sink is DirectCallSink.CONVERSIONS


@pytest.mark.parametrize(
    ("integrations", "reason"),
    [
        ({"All": False, "Facebook Pixel": True}, IgnoreReason.NOT_ADDRESSED),
        ({"All": False}, IgnoreReason.NOT_ADDRESSED),
        ({"LiveIntent Audiences": False}, IgnoreReason.OPTED_OUT),
        ({"All": False, "Kafka": True, "LiveIntent Audiences": False}, IgnoreReason.OPTED_OUT),
    ],
)
def test_integrations_can_keep_a_call_from_us(integrations: Fields, reason: IgnoreReason) -> None:
    assert judged(a_visit("page", integrations=integrations)) is reason


@pytest.mark.parametrize(
    "integrations", [{}, {"All": False, "Kafka": True}, {"LiveIntent Audiences": {"option": 1}}]
)
def test_a_call_that_is_addressed_to_us_is_sent(integrations: Fields) -> None:
    assert isinstance(judged(a_visit("page", integrations=integrations)), DirectCall)


def test_consent_is_asked_for_where_it_is_enforced() -> None:
    enforced = a_direct_call_policy(consent_categories=["Advertising"])

    assert (
        judged(a_visit("page", context={"consent": REFUSED}), enforced) is IgnoreReason.NO_CONSENT
    )
    assert isinstance(judged(a_visit("page", context={"consent": AGREED}), enforced), DirectCall)
    assert isinstance(judged(a_visit("page"), enforced), DirectCall)
    assert isinstance(judged(a_visit("page", context={"consent": REFUSED})), DirectCall)


@pytest.mark.parametrize(
    "context",
    [
        {"gdpr": True},
        {"gpp_sections": [2]},
        {"us_privacy": "1YYN"},
        {"gpp": "DBABBg~1YYN"},
        {"device": {"adTrackingEnabled": False}},
        {"device": {"advertisingId": "00000000-0000-0000-0000-000000000000"}},
    ],
)
@pytest.mark.parametrize("sinks", [BOTH, (DirectCallSink.COLLECTOR,)])
def test_nothing_is_told_of_somebody_who_does_not_want_it(
    context: Fields, sinks: tuple[DirectCallSink, ...]
) -> None:
    assert (
        judged(an_order(context=context), a_direct_call_policy(sinks=sinks))
        is IgnoreReason.NO_CONSENT
    )


def test_a_call_without_email_or_address_could_be_anybodys() -> None:
    nobody = a_visit("page", email=None, context={"ip": None})
    by_address = a_visit("page", email=None)
    by_email = a_visit("page", context={"ip": None})

    assert judged(nobody) is IgnoreReason.NO_IDENTIFIER
    assert sent(by_address).email_hashes == ()
    assert sent(by_email).ip is None


def test_the_conversions_api_cannot_know_anybody_by_sha1() -> None:
    order = an_order(email=SHA1, context={"ip": None})

    assert judged(order, a_direct_call_policy(sinks=BOTH)) is IgnoreReason.NO_IDENTIFIER
    assert sent(an_order(email=SHA1), a_direct_call_policy(sinks=BOTH)).email_hashes == (SHA1,)
    assert sent(
        an_order(email=MD5, context={"ip": None}), a_direct_call_policy(sinks=BOTH)
    ).email_hashes == (MD5,)
    assert sent(order).email_hashes == (SHA1,)


def test_an_old_call_is_not_told_as_if_it_happened_now() -> None:
    minute = a_direct_call_policy(max_age_seconds=60)
    in_time = HAPPENED_US + 60_000_000

    assert isinstance(judged(a_visit("page"), minute, now_us=in_time), DirectCall)
    assert judged(a_visit("page"), minute, now_us=in_time + 1) is IgnoreReason.TOO_OLD


def test_of_several_reasons_the_first_in_order_is_told() -> None:
    everything_wrong = a_visit(
        "track",
        event="Coupon Applied",
        email=None,
        context={"ip": None, "consent": REFUSED},
        integrations={"All": False},
    )
    strict = a_direct_call_policy(consent_categories=["Advertising"], sinks=[], max_age_seconds=0)
    mended: list[Fields] = [
        {},
        {"event": "Order Completed"},
        {"integrations": {"LiveIntent Audiences": False}},
        {"integrations": {}},
        {"context": {"ip": None}},
        {"context": {"ip": "203.0.113.7"}},
    ]
    on = replace(strict, sinks=frozenset(BOTH))
    fields, told = everything_wrong, []
    for change in mended:
        fields = fields | change
        told.append((judged(fields, strict), judged(fields, on)))

    assert told == [
        (IgnoreReason.DIRECT_CALL_UNMAPPED, IgnoreReason.DIRECT_CALL_UNMAPPED),
        (IgnoreReason.DIRECT_CALL_OFF, IgnoreReason.NOT_ADDRESSED),
        (IgnoreReason.DIRECT_CALL_OFF, IgnoreReason.OPTED_OUT),
        (IgnoreReason.DIRECT_CALL_OFF, IgnoreReason.NO_CONSENT),
        (IgnoreReason.DIRECT_CALL_OFF, IgnoreReason.NO_IDENTIFIER),
        (IgnoreReason.DIRECT_CALL_OFF, IgnoreReason.TOO_OLD),
    ]


@pytest.mark.parametrize("call", ["page", "track", "screen", "identify"])
def test_calls_of_a_kind_can_be_switched_off(call: str) -> None:
    others = frozenset(SegmentCall) - {SegmentCall(call)}
    policy = replace(a_direct_call_policy(), calls=others)

    assert judged(a_visit(call), policy) is IgnoreReason.DIRECT_CALL_OFF


# What is judged at all.


@pytest.mark.parametrize("call", ["page", "screen", "track", "identify", "group"])
def test_what_a_person_did_is_judged(call: str) -> None:
    assert may_be_direct_call(event_of(a_visit(call)), a_direct_call_policy())


@pytest.mark.parametrize(
    "fields",
    [
        an_identify(),
        a_track(),
        a_track(key="not_served"),
        an_identify(context={"personas": personas("ltv", "computed_trait")}),
        a_plain_call("group", context={"personas": personas()}),
        a_plain_call("identify", traits={"email": "ada@example.com", KEY: False}),
        a_plain_call("track", event="Moved", properties={"audience_key": KEY, KEY: True}),
        a_plain_call("alias"),
        a_plain_call("delete"),
    ],
)
def test_what_engage_says_and_what_says_who_is_in_an_audience_is_not(fields: Fields) -> None:
    assert not may_be_direct_call(event_of(fields), a_direct_call_policy())
