import io
import json

import pytest

from consumer.cli.event_values import EventValue, values_in

ONE = {"a": 1, "b": {"c": [True, None]}}
TWO = {"d": "text, with {braces}\nand a line"}


def values(content: bytes) -> list[EventValue]:
    return list(values_in(io.BytesIO(content), "f"))


def test_a_pretty_printed_value_is_one_value() -> None:
    content = json.dumps(ONE, indent=2).encode()

    assert values(b"\n" + content + b"\n") == [EventValue("f", content)]


def test_a_byte_order_mark_before_a_pretty_printed_value_is_skipped() -> None:
    content = json.dumps(ONE, indent=2).encode()

    assert values(b"\xef\xbb\xbf" + content) == [EventValue("f", content)]


def test_json_lines_are_a_value_each_and_keep_their_line_numbers() -> None:
    one, two = json.dumps(ONE).encode(), json.dumps(TWO).encode()

    assert values(b"\n" + one + b"\r\n\n" + two + b"\n") == [
        EventValue("f, line 2", one),
        EventValue("f, line 4", two),
    ]


def test_a_broken_line_among_json_lines_is_a_value_of_its_own() -> None:
    one = json.dumps(ONE).encode()

    assert [value.value for value in values(one + b"\n{broken\n" + one)] == [one, b"{broken", one]
    assert [value.value for value in values(b"{broken\n" + one)] == [b"{broken", one]


def test_pretty_printed_values_may_follow_each_other() -> None:
    one, two = json.dumps(ONE, indent=2).encode(), json.dumps(TWO, indent=2).encode()

    assert values(b"\n" + one + b"\n\n" + two) == [
        EventValue("f, line 2", one),
        EventValue(f"f, line {4 + one.count(10)}", two),
    ]


def test_a_line_separator_inside_a_text_ends_no_line() -> None:
    line = json.dumps({"a": "one\u2028two\u0085three"}, ensure_ascii=False).encode()

    assert [value.value for value in values(line + b"\n" + line)] == [line, line]


@pytest.mark.parametrize(
    "content",
    [
        b'{\n "a": 1,\n "b": {}\n',
        b"not json\nat all",
        b"{}}\n\xff\xfe",
        b"[" * 100_000,
        b"{\n\xff}",
    ],
)
def test_what_is_no_json_at_all_is_one_value(content: bytes) -> None:
    assert values(content) == [EventValue("f", content.strip())]


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\t"])
def test_a_blank_file_holds_no_value(content: bytes) -> None:
    assert values(content) == []


@pytest.mark.parametrize("content", [b"\x00\x00\x00\x00\x01\n{}\n ", b"\xc3\x01 12345678\n{}\n"])
def test_an_avro_value_is_one_value_with_every_byte(content: bytes) -> None:
    assert values(content) == [EventValue("f", content)]


def test_json_lines_are_given_as_they_come_in() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            line = b'{"a": 1}\n'
            buffer[: len(line)] = line
            return len(line)

    stream = values_in(io.BufferedReader(Endless()), "f")

    assert [next(stream).place, next(stream).place] == ["f, line 1", "f, line 2"]
