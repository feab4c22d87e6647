import json
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import parse_qsl

import pytest

from consumer.direct_calls.call import PrivacySignals
from consumer.direct_calls.event_json import event_json
from consumer.direct_calls.page_address import PageAddress
from consumer.liveintent.collector_query import (
    LEAST_MAX_CHARACTERS,
    CollectorRequest,
    collector_request,
)
from tests.direct_calls import ADA, MD5, SHA1, SHA256, a_call, a_direct_call_policy, a_visit, sent

SENT_MS = 1_767_225_600_000
TRIPLE = f"{MD5}%2C{SHA1}%2C{SHA256}"
START = f"/j?dtstmp={SENT_MS}&aid=a-0000&se="


def request(max_characters: int = 4_000, **parts: object) -> CollectorRequest:
    return collector_request(
        a_call(**parts), app_id="a-0000", sent_ms=SENT_MS, max_characters=max_characters
    )


def parameters(target: str) -> dict[str, str]:
    return dict(parse_qsl(target.partition("?")[2], strict_parsing=True))


def event_in(target: str) -> dict[str, Any]:
    encoded = parameters(target)["se"]
    event = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    assert isinstance(event, dict)
    return event


# The worked examples of LiveIntent's wire format.


def test_a_page_view_without_identity() -> None:
    view = request(
        page=PageAddress("https://shop.example/p/1?c=2"), referrer="https://ref.example/"
    )

    assert view.target == (
        "/j?dtstmp=1767225600000&aid=a-0000&se=eyJldmVudCI6InBhZ2VWaWV3In0"
        "&pu=https%3A%2F%2Fshop.example%2Fp%2F1%3Fc%3D2&refr=https%3A%2F%2Fref.example%2F"
    )
    assert view.headers == {}


def test_a_product_view_with_a_plain_email() -> None:
    call = sent(
        a_visit(
            "track",
            event="Product Viewed",
            properties={"name": "tea"},
            context={"ip": None, "traits": {"email": " Ada@Example.com "}},
        )
    )

    assert collector_request(call, app_id="a-0000", sent_ms=SENT_MS).target == (
        "/j?dtstmp=1767225600000&aid=a-0000"
        "&se=eyJldmVudCI6InZpZXdQcm9kdWN0IiwibmFtZSI6InRlYSIsImVtYWlsIjoiKioqKioqKioqIn0"
        "&e=3e3417d7ef77d5932a6734b916515ed5%2C3ca93ad87e0bb737e653b66ad67731e86bbc050f"
        "%2Cb5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"
    )


def test_a_conversion_with_one_hash_and_privacy_flags() -> None:
    event_map = """
        [track."Order Completed"]
        event = "conversion"
        fields = { name = { constant = "order" }, amount = "properties.revenue", currency = "properties.currency" }
    """
    call = sent(
        a_visit(
            "track",
            event="Order Completed",
            properties={"revenue": "12.50", "currency": "USD", "gdpr": 0},
            context={"ip": None, "traits": {"email": SHA256.upper()}, "us_privacy": "1YNN"},
        ),
        a_direct_call_policy(event_map),
    )

    assert collector_request(call, app_id="a-0000", sent_ms=SENT_MS).target == (
        "/j?dtstmp=1767225600000&aid=a-0000&se=eyJldmVudCI6ImNvbnZlcnNpb24iLCJuYW1lIjoib3JkZXIiLCJhbW91bnQiOiIxMi41MCIs"
        "ImN1cnJlbmN5IjoiVVNEIiwiZW1haWxIYXNoIjoiYjVmYzg1ZTU1NzU1ZjllMGQwMzBhMTBhYjQ0MjliNmIyOTQ0ODU1ZjlhMGQ2MDA3N2ZlODMy"
        "YmVjYmM0MWQ3MiJ9&e=b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72&us_privacy=1YNN&gdpr=0"
    )


def test_a_screen_with_the_address_and_agent_of_its_person() -> None:
    event_map = """
        [screen]
        event = "screenView"
        fields = { name = "name" }
    """
    call = sent(
        a_visit("screen", name="Home", email=None, context={"userAgent": "App/1.0"}),
        a_direct_call_policy(event_map),
    )

    screen = collector_request(call, app_id="a-0000", sent_ms=SENT_MS)

    assert screen.target == (
        "/j?dtstmp=1767225600000&aid=a-0000&se=eyJldmVudCI6InNjcmVlblZpZXciLCJuYW1lIjoiSG9tZSIsImlwdjQiOiIyMDMuMC4xMTMuNyIs"
        "InVzZXJBZ2VudCI6IkFwcC8xLjAifQ&pip=MjAzLjAuMTEzLjc"
    )
    assert screen.headers == {"X-LI-Provided-User-Agent": "App/1.0"}


# The rest of the wire format.


def test_an_event_of_nothing_is_an_empty_object() -> None:
    assert request(event_json="{}").target == f"{START}e30"


def test_every_parameter_has_its_place() -> None:
    target = collector_request(
        a_call(
            page=PageAddress(
                "https://shop.example/", path_removed=True, removed_parameters=("a", "b")
            ),
            referrer="https://ref.example/",
            email_hashes=(MD5, SHA1, SHA256),
            privacy=PrivacySignals(
                us_privacy="1YNN", gdpr=False, gdpr_consent="CPc", gpp="DBA~1", gpp_sections=(7, 8)
            ),
            ip="203.0.113.7",
            ip6="2001:db8::1",
        ),
        app_id="a-0000",
        sent_ms=SENT_MS,
        wrapper_name="our wrapper",
    ).target

    assert target == (
        f"{START}eyJldmVudCI6InBhZ2VWaWV3In0&pu=https%3A%2F%2Fshop.example%2F&pu_rp=1&pu_rqp=a%2Cb&e={TRIPLE}"
        "&us_privacy=1YNN&wpn=our%20wrapper&gdpr=0&gdpr_consent=CPc&refr=https%3A%2F%2Fref.example%2F&gpp_s=DBA~1&gpp_as=7%2C8"
        "&pip=MjAzLjAuMTEzLjc&pip6=MjAwMTpkYjg6OjE"
    )


def test_an_event_is_sent_in_the_alphabet_for_addresses() -> None:
    assert request(event_json="☸☹☺☻☼☾☿").target == f"{START}4pi44pi54pi64pi74pi84pi-4pi_"


def test_percent_encoding_leaves_what_a_browser_leaves() -> None:
    url = "https://shop.example/-_.!~*'()/ü?a=b&c=%20+"

    assert request(page=PageAddress(url)).target.endswith(
        "&pu=https%3A%2F%2Fshop.example%2F-_.!~*'()%2F%C3%BC%3Fa%3Db%26c%3D%2520%2B"
    )


def test_half_a_character_in_an_address_does_not_stop_the_call() -> None:
    target = request(page=PageAddress("https://shop.example/\ud800")).target

    assert target.endswith("&pu=https%3A%2F%2Fshop.example%2F%3F")


def test_a_request_prints_nothing_of_its_person() -> None:
    assert repr(request(ip="203.0.113.7")) == "CollectorRequest(85 characters)"


# What becomes of a call that is too long.


def an_event(**more: object) -> str:
    items = [{"id": f"SKU-{i}", "price": 12.5, "currency": "EUR"} for i in range(10)]
    return event_json({"event": "conversion", "amount": 125, "items": items, **more})


def test_what_the_event_says_twice_is_given_up_first() -> None:
    target = request(
        LEAST_MAX_CHARACTERS,
        event_json=an_event(
            email="*********", ipv4="203.0.113.7", userAgent="A" * 500, name="n" * 500
        ),
        page=PageAddress("https://shop.example/" + "p" * 1_500),
        user_agent="A" * 500,
    )

    assert len(target.target) <= LEAST_MAX_CHARACTERS
    event = event_in(target.target)
    assert list(event) == ["event", "amount", "items", "name"]
    assert len(event["items"]) == 10
    assert target.headers == {"X-LI-Provided-User-Agent": "A" * 500}


def test_then_items_are_given_up_half_by_half() -> None:
    target = request(
        LEAST_MAX_CHARACTERS,
        event_json=an_event(),
        page=PageAddress("https://shop.example/" + "p" * 1_900),
        referrer="https://ref.example/" + "r" * 950,
    ).target

    assert len(event_in(target)["items"]) == 5
    assert "refr" in parameters(target)


def test_then_the_referrer_and_then_the_other_fields() -> None:
    long = PageAddress("https://shop.example/" + "p" * 1_900)
    without_referrer = request(
        LEAST_MAX_CHARACTERS,
        event_json=an_event(),
        page=long,
        referrer="https://ref.example/" + "r" * 1_900,
    ).target
    only_name = request(
        LEAST_MAX_CHARACTERS, event_json=an_event(a="a" * 500, b="b" * 700), page=long
    ).target

    assert event_in(without_referrer) == {"event": "conversion", "amount": 125}
    assert "refr" not in parameters(without_referrer)
    assert event_in(only_name) == {"event": "conversion"}
    assert parameters(only_name)["pu"] == long.url


def test_then_the_pages_query_and_then_the_page() -> None:
    consent = PrivacySignals(gpp="g" * 1_500)
    without_query = request(
        LEAST_MAX_CHARACTERS,
        page=PageAddress("https://shop.example/p?q=" + "ü" * 1_000, removed_parameters=("mail",)),
        privacy=consent,
    ).target
    without_page = request(
        LEAST_MAX_CHARACTERS,
        page=PageAddress("https://shop.example/" + "ü" * 1_000),
        privacy=consent,
    ).target

    assert parameters(without_query)["pu"] == "https://shop.example/p"
    assert "pu" not in parameters(without_page)
    assert parameters(without_page)["gpp_s"] == "g" * 1_500


def test_the_longest_call_of_all_fits() -> None:
    target = collector_request(
        a_call(
            event_json=event_json({"event": "\U0001f600" * 64, "name": "n" * 500}),
            email_hashes=(MD5, SHA1, SHA256),
            page=PageAddress("https://shop.example/" + "p" * 1_900),
            referrer="https://ref.example/" + "r" * 1_900,
            ip6="2001:db8:1111:2222:3333:4444:5555:6666",
            privacy=PrivacySignals(
                us_privacy="1YNN",
                gdpr=False,
                gdpr_consent="c" * 1_000,
                gpp="g" * 1_500,
                gpp_sections=(-999,) * 32,
            ),
        ),
        app_id="ü" * 50,
        sent_ms=SENT_MS,
        wrapper_name=" " * 100,
        max_characters=LEAST_MAX_CHARACTERS,
    ).target

    assert len(target) <= LEAST_MAX_CHARACTERS
    assert "gdpr_consent" not in parameters(target)
    assert parameters(target)["gpp_s"] == "g" * 1_500


def test_an_app_id_that_is_too_long_is_sent_whole_nevertheless() -> None:
    target = collector_request(
        a_call(), app_id="a" * 4_000, sent_ms=SENT_MS, max_characters=LEAST_MAX_CHARACTERS
    ).target

    assert parameters(target)["aid"] == "a" * 4_000
    assert event_in(target) == {"event": "pageView"}


def test_a_limit_that_could_not_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3500"):
        request(LEAST_MAX_CHARACTERS - 1)


def test_no_raw_email_is_in_a_request_made_of_an_event_that_is_full_of_them() -> None:
    call = sent(
        a_visit(
            "page",
            name=f"Orders of {ADA}",
            properties={
                "url": f"https://shop.example/u/{ADA}?mail={ADA}&x=1#{ADA}",
                "referrer": f"https://ref.example/?{ADA}",
                "title": ADA,
            },
            context={"userAgent": f"Robot ({ADA})", "traits": {"email": ADA}},
        )
    )

    sent_request = collector_request(call, app_id="a-0000", sent_ms=SENT_MS)

    assert event_in(sent_request.target) == {
        "event": "pageView", "name": "*********", "email": "*********", "ipv4": "203.0.113.7",
    }  # fmt: skip
    assert parameters(sent_request.target)["pu"] == "https://shop.example/?x=1"
    assert parameters(sent_request.target)["refr"] == "https://ref.example/"
    assert "ada" not in sent_request.target
    assert sent_request.headers == {}
