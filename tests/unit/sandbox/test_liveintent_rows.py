import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sandbox.liveintent_rows import read_rows

SHA256, SHA1, MD5 = "0a" * 32, "0b" * 20, "0c" * 16
DEVICE = "6f1c2b3a-0d4e-4f5a-8b6c-7d8e9f0a1b2c"


def file_of(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


@pytest.mark.parametrize("hashed", [SHA256, SHA1, MD5])
def test_a_lower_case_hash_of_each_length_is_an_email_hash(hashed: str) -> None:
    rows = read_rows(file_of(hashed), "EMAIL_HASH")

    assert (rows.count, rows.invalid_count, rows.valid) == (1, 0, {hashed})


@pytest.mark.parametrize("identifier_type", ["AAID", "IDFA"])
@pytest.mark.parametrize("device", [DEVICE, DEVICE.upper()])
def test_a_dashed_device_id_of_either_case_is_taken_as_it_is(
    identifier_type: str, device: str
) -> None:
    assert read_rows(file_of(device), identifier_type).valid == {device}


@pytest.mark.parametrize(
    ("row", "identifier_type"),
    [
        (SHA256.upper(), "EMAIL_HASH"),
        (SHA256[:-1], "EMAIL_HASH"),
        (f"{SHA256}\r", "EMAIL_HASH"),
        (f"\ufeff{SHA256}", "EMAIL_HASH"),
        (f'"{SHA256}"', "EMAIL_HASH"),
        ("", "EMAIL_HASH"),
        ("email", "EMAIL_HASH"),
        (DEVICE, "EMAIL_HASH"),
        (hashlib.sha256(b"").hexdigest(), "EMAIL_HASH"),
        (hashlib.sha1(b"").hexdigest(), "EMAIL_HASH"),
        (hashlib.md5(b"").hexdigest(), "EMAIL_HASH"),
        (DEVICE.replace("-", ""), "AAID"),
        (SHA256, "IDFA"),
        ("00000000-0000-0000-0000-000000000000", "IDFA"),
    ],
)
def test_a_row_that_identifies_nobody_is_invalid_and_the_others_count(
    row: str, identifier_type: str
) -> None:
    good = SHA1 if identifier_type == "EMAIL_HASH" else DEVICE
    rows = read_rows(file_of(row, good), identifier_type)

    assert (rows.count, rows.invalid_count, rows.valid) == (2, 1, {good})


def test_a_raw_email_is_invalid_and_is_told_apart() -> None:
    rows = read_rows(file_of("someone@example.com", "x", SHA256), "EMAIL_HASH")

    assert (rows.invalid_count, rows.raw_email_count) == (2, 1)


def test_an_invalid_row_counts_each_time_it_is_there() -> None:
    rows = read_rows(file_of("x", "x", SHA256), "EMAIL_HASH")

    assert (rows.invalid_count, rows.duplicate_count) == (2, 1)


def test_an_empty_file_has_no_rows() -> None:
    rows = read_rows(b"", "EMAIL_HASH")

    assert (rows.count, rows.invalid_count, rows.valid) == (0, 0, set())


def test_rows_do_not_print_what_they_hold() -> None:
    assert SHA256 not in repr(read_rows(file_of(SHA256), "EMAIL_HASH"))


@given(
    st.lists(
        st.one_of(
            st.sampled_from([SHA256, SHA1, MD5, "x", "y@z", ""]),
            st.text("0123456789abcdef", min_size=32, max_size=32),
        )
    ),
    st.booleans(),
)
def test_every_row_is_valid_or_invalid_and_a_last_line_feed_changes_nothing(
    lines: list[str], ends_with_line_feed: bool
) -> None:
    body = "\n".join([*lines, MD5]).encode() + (b"\n" if ends_with_line_feed else b"")
    rows = read_rows(body, "EMAIL_HASH")

    good = [line for line in [*lines, MD5] if len(line) >= 32]
    assert rows.count == len(lines) + 1
    assert rows.invalid_count == rows.count - len(good)
    assert rows.valid == set(good)
    assert rows.duplicate_count == rows.count - len({*lines, MD5})
