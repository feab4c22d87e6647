"""Whatever a Segment event holds: nothing of an email leaves, and what leaves can be read as LiveIntent reads it."""

import json
import math
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from hypothesis import given
from hypothesis import strategies as st

from consumer.choices import DirectCallSink
from consumer.direct_calls.call import DirectCall
from consumer.direct_calls.event_json import event_json
from consumer.direct_calls.masking import MASK, looks_like_email, masked
from consumer.direct_calls.page_address import page_address
from consumer.liveintent.collector_query import LEAST_MAX_CHARACTERS, collector_request
from consumer.liveintent.conversions_body import conversions_body
from tests.direct_calls import BOTH, a_direct_call_policy, judged
from tests.properties.effort import effort
from tests.segment_events import Fields, a_plain_call

LOCAL = "zoe.q7w"
EMAIL = f"{LOCAL}@mail.example"
ORDER = (
    "dtstmp", "aid", "se", "pu", "pu_rp", "pu_rqp", "e", "us_privacy", "wpn", "gdpr", "gdpr_consent", "refr", "gpp_s",
    "gpp_as", "pip", "pip6",
)  # fmt: skip
CAMEL = a_direct_call_policy(
    'extends = "segment-ecommerce"\n[unlisted]\npolicy = "camel-case"\nfields = { name = "event", note = "properties.name" }',
    sinks=BOTH,
)

ANY_TEXT = st.one_of(
    st.text(st.characters(codec=None), max_size=12),
    st.text(
        st.sampled_from("a.@%40 /?&=#\ud83d\ude00\u2028\ufeff"), max_size=12
    ),  # half characters too
)
LEAKY = st.builds(
    lambda before, email, after: before + email + after,
    ANY_TEXT,
    st.sampled_from(
        [EMAIL, EMAIL.upper(), EMAIL.replace("@", "%40"), EMAIL.replace("@", "%2540"), f"<{EMAIL}>"]
    ),
    ANY_TEXT,
)
TEXT = st.one_of(ANY_TEXT, LEAKY)
URL = st.builds(
    "https://{}/{}?{}={}&{}#{}".format, st.sampled_from(["shop.example", EMAIL]), *[TEXT] * 5
)
SCALAR = st.one_of(TEXT, st.none(), st.booleans(), st.integers(), st.floats())
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=2)
)
PRODUCT = st.fixed_dictionaries(
    {}, optional={"product_id": VALUE, "price": VALUE, "quantity": VALUE, "currency": VALUE}
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "name": VALUE, "title": VALUE, "query": VALUE, "order_id": VALUE, "revenue": VALUE, "currency": VALUE,
        "url": URL | VALUE, "referrer": URL | VALUE, "products": st.lists(PRODUCT | VALUE, max_size=15) | VALUE,
        "us_privacy": st.sampled_from(["1YNN", "1---"]) | TEXT, "gdpr": st.just(0),
    },
)  # fmt: skip
CONTEXT = st.fixed_dictionaries(
    {"ip": st.sampled_from(["203.0.113.7", "2001:db8::1"])},
    optional={
        "traits": st.fixed_dictionaries({"email": st.just(EMAIL)}),
        "page": st.fixed_dictionaries({}, optional={"url": URL | VALUE, "referrer": URL, "title": VALUE}),
        "userAgent": TEXT | VALUE,
        "app": VALUE,
        "gpp": st.just("DBA~1"),
        "gpp_sections": st.just([7]),
        "gdpr_consent": VALUE,
    },
)  # fmt: skip
TRACKS = st.sampled_from(["Product Viewed", "Order Completed", "Cart Viewed", "Products Searched"])
EVENTS = st.builds(
    lambda call, event, name, properties, context: a_plain_call(
        call, event=event, name=name, properties=properties, context=context
    ),
    st.sampled_from(["page", "screen", "track", "identify"]),
    TRACKS | TEXT,
    TEXT,
    PROPERTIES,
    CONTEXT,
)


def the_call(fields: Fields) -> DirectCall | None:
    call = judged(fields, CAMEL)
    return call if isinstance(call, DirectCall) else None


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


def decoded(base64url: str) -> str:
    return urlsafe_b64decode(base64url + "=" * (-len(base64url) % 4)).decode()


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def names_somebody(text: str) -> bool:
    for _ in range(4):
        text = unquote(text)
    return LOCAL in text.lower()


@effort(examples=100)
@given(EVENTS)
def test_no_email_leaves_in_whatever_place_it_came(fields: Fields) -> None:
    call = the_call(fields)
    if call is None:
        return
    request = collector_request(call, app_id="a-0000", sent_ms=1)
    query = parse_qsl(request.target.partition("?")[2], strict_parsing=True)
    body = json.loads(conversions_body([call], pixel_id=1))
    event = json.loads(call.event_json)

    assert request.target.isascii()
    for text in (*(value for _, value in query), *request.headers.values(), *texts_in(body)):
        assert not names_somebody(text)
    for text in texts_in(event):
        assert not names_somebody(text)
        assert not looks_like_email(text)
    assert LOCAL not in repr(call) + repr(request)


@effort(examples=80)
@given(EVENTS, st.integers(LEAST_MAX_CHARACTERS, 5_000))
def test_a_request_is_what_liveintents_library_could_have_sent(fields: Fields, most: int) -> None:
    call = the_call(fields)
    if call is None:
        return
    request = collector_request(call, app_id="a-0000", sent_ms=7, max_characters=most)
    query = parse_qsl(request.target.partition("?")[2], strict_parsing=True)
    names = [name for name, _ in query]
    values = dict(query)

    assert len(request.target) <= most
    assert names == [name for name in ORDER if name in values]
    assert all(values.values())
    assert decoded(values["se"]) == call.event_json or len(call.event_json) > 1_000
    assert tuple(values.get("e", "").split(",")) == (call.email_hashes or ("",))
    assert values.get("gdpr") in (None, "0")
    assert decoded(values.get("pip", "")) == (call.ip or "")


@effort(examples=40)
@given(EVENTS)
def test_a_conversion_can_be_told_from_every_other_and_from_no_repetition(fields: Fields) -> None:
    call = the_call(fields)
    again = the_call(dict(fields))
    if call is None or again is None:
        assert call is again
        return
    (told,) = json.loads(conversions_body([call], pixel_id=1))

    assert again == call
    assert told["eventId"] == again.event_id
    assert told["eventTime"] == call.event_us // 1_000_000
    assert call.sink is DirectCallSink.COLLECTOR or '"event":"conversion"' in call.event_json


@given(TEXT)
def test_masking_is_all_or_nothing(text: str) -> None:
    assert masked(text) in (text, MASK)
    assert not looks_like_email(masked(text))


@given(LEAKY)
def test_what_holds_an_email_is_masked_whatever_is_around_it(text: str) -> None:
    assert masked(text) == MASK


@given(URL | TEXT)
def test_an_address_never_holds_an_email(url: str) -> None:
    address = page_address(url)

    if address is not None:
        assert not names_somebody(address.url)
        assert not any(map(names_somebody, address.removed_parameters))
        assert page_address(address.url) is not None


@given(
    st.recursive(
        st.text() | st.booleans() | st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
        max_leaves=10,
    )
)  # fmt: skip
def test_an_event_is_read_back_as_it_was_written(value: object) -> None:
    assert json.loads(event_json(value), parse_int=float) == value


@given(ANY_TEXT)
def test_half_a_character_is_read_back_and_does_not_stop_a_text(text: str) -> None:
    written = event_json(text)

    assert written.encode()
    assert utf16(json.loads(written)) == utf16(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_without_losing_any_of_it(number: float) -> None:
    text = event_json(number)

    assert math.isclose(float(text), number, rel_tol=0, abs_tol=0)
    assert not text.endswith(".0")
