import pytest

from consumer.direct_calls.event_json import event_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (12.5, "12.5"),
        (-3, "-3"),
        (1e16, "10000000000000000"),
        (123456789012345678, "123456789012345680"),
        (1.5e20, "150000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.00001, "0.00001"),
        (-0.0000125, "-0.0000125"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        (10**400, "null"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
    ],
)
def test_numbers_are_written_as_a_browser_writes_them(value: object, text: str) -> None:
    assert event_json(value) == text


def test_an_object_keeps_its_order_and_has_no_spaces() -> None:
    event = {"event": "conversion", "amount": 12.0, "items": [{"id": "b"}, {"id": "a"}]}

    assert event_json(event) == '{"event":"conversion","amount":12,"items":[{"id":"b"},{"id":"a"}]}'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('"\\', r'"\"\\"'),
        ("\b\f\n\r\t", r'"\b\f\n\r\t"'),
        ("\x00\x1f\x7f", '"\\u0000\\u001f\x7f"'),
        ("Tee für 5 €, 😀", '"Tee für 5 €, 😀"'),
        ("\u2028", '"\u2028"'),
        ("\ud800x", r'"\ud800x"'),
        ("\ud83d\ude00", '"\U0001f600"'),
    ],
)
def test_text_is_escaped_only_where_a_browser_does(text: str, written: str) -> None:
    assert event_json(text) == written


def test_what_no_browser_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="type bytes"):
        event_json(b"")
