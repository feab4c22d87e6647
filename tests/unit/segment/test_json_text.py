import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.segment.json_text import BadJson, parse_json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    # Surrogates too: a lone one is written as an escape, which orjson refuses.
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_text_and_bytes_are_read() -> None:
    assert parse_json('{"a": [1, true, null, "x"]}') == {"a": [1, True, None, "x"]}
    assert parse_json(b'{"a": [1, true, null, "x"]}') == {"a": [1, True, None, "x"]}


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf{}", "\ufeff{}"])
def test_a_byte_order_mark_is_skipped(text: str | bytes) -> None:
    assert parse_json(text) == {}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": "\\ud800", "a": 2}'])
def test_the_last_of_a_repeated_key_wins_with_either_reader(text: str) -> None:
    assert parse_json(text) == {"a": 2}


def test_a_lone_surrogate_is_taken() -> None:
    assert parse_json(b'{"name": "\\ud83d", "email": "nora@example.com"}') == {
        "name": "\ud83d",
        "email": "nora@example.com",
    }


def test_numbers_are_the_same_with_either_reader() -> None:
    assert parse_json('[-1.5e2, 7, "\\ud800"]') == [-150.0, 7, "\ud800"]


def test_text_that_holds_a_lone_surrogate_is_taken() -> None:
    assert parse_json('["\ud83d"]') == ["\ud83d"]


def test_a_huge_whole_number_is_taken() -> None:
    assert parse_json("1" + "0" * 400) == 10**400


def test_a_whole_number_beyond_64_bits_keeps_its_size() -> None:
    assert parse_json("[123456789012345678901234567890]") == [
        pytest.approx(123456789012345678901234567890)
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "not JSON at character 0"),
        (b"{", "not JSON at character 1"),
        (b"{} {}", "not JSON at character 3"),
        (b"{'a': 1}", "not JSON at character 1"),
        (b"[1,]", "not JSON at character"),
        (b'"\x01"', "not JSON at character"),
        (b"[NaN]", "NaN is not a number in JSON"),
        (b"[Infinity]", "Infinity is not a number in JSON"),
        (b"[-Infinity]", "-Infinity is not a number in JSON"),
        (b"[1e999]", "a number is too large"),
        (b"[-1.0e999]", "a number is too large"),
        (b"9" * 5000, "a number has too many digits"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nested too deeply"),
    ],
)
def test_what_is_not_strict_json_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(BadJson) as caught:
        parse_json(text)

    assert caught.value.problem.startswith(problem)


def test_a_refusal_quotes_nothing_of_the_text() -> None:
    with pytest.raises(BadJson) as caught:
        parse_json('{"email": nora@example.com}')

    assert "example" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@given(JSON_VALUES)
def test_every_json_value_comes_back(value: object) -> None:
    whole = json.loads(json.dumps(value), parse_int=float)

    assert json.loads(json.dumps(parse_json(json.dumps(value))), parse_int=float) == whole


@given(st.binary() | st.text())
def test_anything_is_json_or_refused(text: bytes | str) -> None:
    with suppress(BadJson):
        parse_json(text)
