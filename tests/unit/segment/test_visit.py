import pytest

from consumer.direct_calls.call import ConversionSource
from consumer.direct_calls.page_address import PageAddress
from consumer.segment.visit import Visit, limits_ad_tracking, visit_of
from tests.segment_events import Fields, a_plain_call, event_of

SHOP = "https://shop.example/p/1"
REFERRER = "https://ref.example/"


def visit(call: str = "track", **fields: object) -> Visit:
    return visit_of(event_of(a_plain_call(call, **fields)))


def test_a_page_call_has_its_addresses_among_its_properties() -> None:
    seen = visit(
        "page",
        properties={"url": SHOP, "referrer": REFERRER},
        context={"page": {"url": "https://other.example/", "referrer": "https://third.example/"}},
    )

    assert (seen.page, seen.referrer) == (PageAddress(SHOP), REFERRER)


def test_other_calls_have_them_in_their_context() -> None:
    seen = visit(
        properties={"url": "https://product.example/", "referrer": "https://product.example/"},
        context={"page": {"url": SHOP, "referrer": REFERRER}},
    )

    assert (seen.page, seen.referrer) == (PageAddress(SHOP), REFERRER)


def test_a_page_call_without_addresses_of_its_own_has_those_of_its_context() -> None:
    seen = visit("page", context={"page": {"url": SHOP}, "referrer": {"url": "x"}})

    assert (seen.page, seen.referrer) == (PageAddress(SHOP), None)


@pytest.mark.parametrize(
    ("text", "ip", "ip6"),
    [
        ("203.0.113.7", "203.0.113.7", None),
        (" 203.0.113.7 ", "203.0.113.7", None),
        ("2001:DB8::0:1", None, "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7", None),
        ("", None, None),
        ("203.0.113.7, 10.0.0.1", None, None),
        ("fe80::1%ada@example.com", None, None),
        (None, None, None),
        (3405803783, None, None),
    ],
)
def test_an_address_is_of_version_4_or_6(text: object, ip: str | None, ip6: str | None) -> None:
    seen = visit(context={"ip": text})

    assert (seen.ip, seen.ip6) == (ip, ip6)


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("App/1.0", "App/1.0"),
        ("Müller/1.0\r\nX-Evil: 1", "M?ller/1.0??X-Evil: 1"),
        ("A" * 600, "A" * 512),
        ("Robot (+bot@example.com)", None),
        ("  ", None),
        (None, None),
        (["App"], None),
    ],
)
def test_an_agent_fits_into_a_header(text: object, agent: str | None) -> None:
    assert visit(context={"userAgent": text}).user_agent == agent


@pytest.mark.parametrize(
    ("call", "context", "source"),
    [
        ("track", {"page": {"url": SHOP}}, ConversionSource.WEB),
        ("track", {"app": {"name": "Shop"}}, ConversionSource.APP),
        ("track", {"app": {"name": "Shop"}, "page": {"url": SHOP}}, ConversionSource.WEB),
        ("track", {}, ConversionSource.WEB),
        ("screen", {}, ConversionSource.APP),
    ],
)
def test_a_visit_was_on_the_web_or_in_an_app(
    call: str, context: Fields, source: ConversionSource
) -> None:
    assert visit(call, context=context).source is source


@pytest.mark.parametrize(
    ("device", "is_limited"),
    [
        ({"adTrackingEnabled": False}, True),
        ({"advertisingId": "00000000-0000-0000-0000-000000000000"}, True),
        (
            {"adTrackingEnabled": True, "advertisingId": "1B2C3D4E-5F60-4A71-8B92-A3B4C5D6E7F8"},
            False,
        ),
        ({"adTrackingEnabled": "false"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_device_can_limit_ad_tracking(device: object, is_limited: bool) -> None:
    assert (
        limits_ad_tracking(event_of(a_plain_call("track", context={"device": device})))
        is is_limited
    )


def test_a_visit_prints_nothing_of_its_person() -> None:
    assert repr(visit(context={"ip": "203.0.113.7", "userAgent": "secret"})) == "Visit(web)"
