from decimal import Decimal
from types import MappingProxyType

import pytest

from consumer.segment.event_map.events import EventTable, as_number, camel_case, parts_of
from consumer.segment.event_map.reading import DEFAULT_EVENT_MAP, load_event_map, parse_event_map
from tests.segment_events import Fields, a_plain_call, event_of

DEFAULTS = EventTable(load_event_map(DEFAULT_EVENT_MAP))
TEA: Fields = {"product_id": "SKU-1", "name": "Tea", "price": 4.0, "quantity": 2}


def made(fields: Fields, table: EventTable = DEFAULTS) -> dict[str, object] | None:
    """The event that a call becomes; None when it is not to be sent."""
    event = event_of(fields)
    row = table.row_for(event)
    return None if row is None else row.event_object(parts_of(event))


def a_track_called(name: str, /, **properties: object) -> Fields:
    return a_plain_call("track", event=name, properties=properties)


def table_of(text: str) -> EventTable:
    return EventTable(parse_event_map(text, "mine.toml"))


# Segment's e-commerce spec.


@pytest.mark.parametrize(
    ("name", "properties", "event"),
    [
        ("Products Searched", {"query": "tea"}, {"event": "search", "query": "tea"}),
        (
            "Product List Viewed",
            {"category": "Teas", "list_id": "l-1", "products": [TEA]},
            {
                "event": "viewProductList",
                "name": "Teas",
                "items": [{"id": "SKU-1", "price": 4.0, "quantity": 2}],
            },
        ),
        (
            "Product Viewed",
            {**TEA, "currency": "EUR"},
            {
                "event": "viewProduct",
                "name": "Tea",
                "items": [{"id": "SKU-1", "price": 4.0, "quantity": 2, "currency": "EUR"}],
            },
        ),
        (
            "Product Added",
            {"sku": "G-7", "price": "4.00"},
            {"event": "addToCart", "items": [{"id": "G-7", "price": "4.00"}]},
        ),
        (
            "Product Removed",
            {"product_id": "SKU-1"},
            {"event": "removeFromCart", "items": [{"id": "SKU-1"}]},
        ),
        ("Product Added to Wishlist", {"name": "Tea"}, {"event": "addToWishlist", "name": "Tea"}),
        ("Cart Viewed", {"cart_id": "c-1"}, {"event": "viewCart"}),
        (
            "Checkout Started",
            {"revenue": 8, "currency": "EUR", "products": [TEA]},
            {
                "event": "startCheckout",
                "amount": 8,
                "currency": "EUR",
                "items": [{"id": "SKU-1", "price": 4.0, "quantity": 2, "currency": "EUR"}],
            },
        ),
        (
            "Order Completed",
            {"order_id": "o-1", "total": 9.5, "revenue": 8, "currency": "EUR", "products": [TEA]},
            {
                "event": "conversion",
                "name": "Order Completed",
                "conversionId": "o-1",
                "amount": 8,
                "currency": "EUR",
                "items": [{"id": "SKU-1", "price": 4.0, "quantity": 2, "currency": "EUR"}],
            },
        ),
    ],
)
def test_an_e_commerce_event_becomes_liveintents(
    name: str, properties: Fields, event: Fields
) -> None:
    assert made(a_track_called(name, **properties)) == event


@pytest.mark.parametrize(
    "name",
    ["Order Updated", "Order Refunded", "Order Cancelled", "order completed", "Signed Up", ""],
)
def test_an_event_without_a_row_is_not_sent(name: str) -> None:
    assert made(a_track_called(name)) is None


def test_an_order_without_revenue_is_worth_its_total() -> None:
    assert made(a_track_called("Order Completed", total=9.5)) == {
        "event": "conversion", "name": "Order Completed", "amount": 9.5,
    }  # fmt: skip


# The other calls.


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        (a_plain_call("page", name="Home"), {"event": "pageView", "name": "Home"}),
        (
            a_plain_call("page", properties={"title": "Teas"}),
            {"event": "pageView", "name": "Teas"},
        ),
        (
            a_plain_call("page", context={"page": {"title": "Teas"}}),
            {"event": "pageView", "name": "Teas"},
        ),
        (a_plain_call("page"), {"event": "pageView"}),
        (a_plain_call("screen", name="Home"), {"event": "pageView", "name": "Home"}),
        (a_plain_call("identify", traits={"plan": "pro"}), {}),
        (a_plain_call("group", traits={"name": "Acme"}), None),
        (a_plain_call("alias"), None),
        (a_plain_call("delete"), None),
    ],
)
def test_a_call_becomes_what_its_row_says(fields: Fields, event: Fields | None) -> None:
    assert made(fields) == event


def test_a_call_without_a_row_is_not_sent() -> None:
    assert made(a_plain_call("page"), table_of("")) is None
    assert made(a_plain_call("page"), table_of("[page]\nsend = false")) is None


# Fields and items.


def test_fields_come_in_the_order_of_the_row() -> None:
    table = table_of(
        '[page]\nevent = "view"\nfields = { z = "name", kind = { constant = "shop" }, a = "properties.a" }'
    )
    event = made(a_plain_call("page", name="Home", properties={"a": 1}), table)

    assert event is not None
    assert list(event.items()) == [("event", "view"), ("z", "Home"), ("kind", "shop"), ("a", 1)]


@pytest.mark.parametrize(
    ("value", "carried"),
    [
        ("tea", "tea"),
        (0, 0),
        (False, False),
        (1.5, 1.5),
        (Decimal("1.5"), 1.5),
        ("call ada@example.com", "*********"),
        ("x" * 600, "x" * 500),
        ("x" * 495 + " ada@example.com", "*********"),
    ],
)
def test_a_text_a_number_or_a_boolean_is_carried(value: object, carried: object) -> None:
    assert made(a_plain_call("page", properties={"title": value})) == {
        "event": "pageView", "name": carried,
    }  # fmt: skip


@pytest.mark.parametrize(
    "value", ["", None, [], ["tea"], {"a": 1}, float("nan"), float("inf"), Decimal("NaN"), b"tea"]
)
def test_nothing_else_is_carried(value: object) -> None:
    assert made(a_plain_call("page", properties={"title": value})) == {"event": "pageView"}


def test_the_first_place_with_a_usable_value_counts() -> None:
    page = a_plain_call("page", name="", properties={"name": None, "title": "Teas"})

    assert made(page) == {"event": "pageView", "name": "Teas"}


def test_items_are_cut_to_ten() -> None:
    products = [{"product_id": f"SKU-{i}"} for i in range(50)]
    event = made(a_track_called("Cart Viewed", products=products))

    assert event == {"event": "viewCart", "items": [{"id": f"SKU-{i}"} for i in range(10)]}


def test_what_is_no_item_is_left_out() -> None:
    event = made(a_track_called("Cart Viewed", products=[None, "SKU-1", {}, {"product_id": "a"}]))

    assert event == {"event": "viewCart", "items": [{"id": "a"}]}
    assert made(a_track_called("Cart Viewed", products="SKU-1")) == {"event": "viewCart"}
    assert made(a_track_called("Cart Viewed", products=[])) == {"event": "viewCart"}


def test_an_items_own_currency_comes_before_the_orders() -> None:
    products = [{"product_id": "a", "currency": "USD"}, {"product_id": "b"}]
    event = made(a_track_called("Cart Viewed", currency="EUR", products=products))

    assert event is not None
    assert event["items"] == [{"id": "a", "currency": "USD"}, {"id": "b", "currency": "EUR"}]


# Events without a row of their own.

CAMEL = table_of(
    '[unlisted]\npolicy = "camel-case"\nfields = { name = "event" }\nitems = "properties.products"\n'
    '[items]\nid = "item.product_id"\n[track."Coupon Denied"]\nsend = false'
)


def test_an_unlisted_event_can_be_sent_under_its_own_name() -> None:
    event = made(a_track_called("Coupon Applied", products=[TEA]), CAMEL)

    assert event == {
        "event": "couponApplied", "name": "Coupon Applied", "items": [{"id": "SKU-1"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "Coupon Denied",
        "Set Email",
        "set_email_hash",
        "setHashedEmail",
        "Mail from ada@example.com",
        "ada%40example.com",
        "",
        " - ",
        "x" * 65,
        "Segment Consent Preference Updated",
        "Audience Entered",
        "Audience Exited",
        "Journey Step Entered",
        "Trait Computed",
    ],
)
def test_some_unlisted_events_are_never_sent(name: str) -> None:
    assert made(a_track_called(name), CAMEL) is None


@pytest.mark.parametrize(
    ("name", "camel"),
    [
        ("Coupon Applied", "couponApplied"),
        ("coupon_applied", "couponApplied"),
        ("CouponApplied", "couponApplied"),
        ("SMS Sent", "smsSent"),
        ("Étape 2 finie", "étape2Finie"),
        ("2 for 1", "2For1"),
    ],
)
def test_names_are_put_into_camel_case(name: str, camel: str) -> None:
    assert camel_case(name) == camel


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (64.5, 64.5), (3, 3), ("12.50", 12.5), (" 7 ", 7.0), ("tea", None), ("nan", None), ("1e999", None),
        (True, None), (None, None), ("", None),
    ],
)  # fmt: skip
def test_an_amount_is_a_number_or_a_text_that_is_one(value: object, number: float | None) -> None:
    assert as_number(value) == number


def test_a_mapping_that_is_no_dict_is_an_item_as_well() -> None:
    products = [MappingProxyType({"product_id": "a"})]

    assert made(a_track_called("Cart Viewed", products=products)) == {
        "event": "viewCart", "items": [{"id": "a"}],
    }  # fmt: skip
