import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.audience.membership import IdentifierType
from consumer.liveintent.hash_file import ROW_BYTES_MAX, UnsendableRow, hash_file, rows_that_fit

MD5 = hashlib.md5(b"ada@example.com").hexdigest()
SHA1 = hashlib.sha1(b"ada@example.com").hexdigest()
SHA256 = hashlib.sha256(b"ada@example.com").hexdigest()
DEVICE = "38400000-8cf0-11bd-b23e-10b96e40000d"

HASHES = st.lists(
    st.one_of(*(st.text("0123456789abcdef", min_size=n, max_size=n) for n in (32, 40, 64))),
    min_size=1,
)


@given(HASHES)
def test_the_file_is_the_rows_one_on_each_line(rows: list[str]) -> None:
    content = hash_file(rows, IdentifierType.EMAIL_HASH)

    assert content.decode("ascii").split("\n") == [*rows, ""]


@given(st.lists(st.text(max_size=70), min_size=1), st.sampled_from(list(IdentifierType)))
def test_nothing_but_identifiers_ever_leaves(
    rows: list[str], identifier_type: IdentifierType
) -> None:
    hash_rule = r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"
    device_rule = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    rule = hash_rule if identifier_type is IdentifierType.EMAIL_HASH else device_rule
    if not all(re.fullmatch(rule, row) for row in rows):
        with pytest.raises(UnsendableRow):
            hash_file(rows, identifier_type)


@pytest.mark.parametrize(
    "row",
    [
        "ada@example.com",
        MD5.upper(),
        MD5[:-1],
        f"{MD5}\n{MD5}",
        f"{MD5}\r",
        f" {MD5}",
        "",
        "\ufeff" + MD5,
        DEVICE,
        MD5[:31] + "\n",
        MD5[:16] + "\n" + MD5[:15],
        "é" * 32,
    ],
)
def test_a_row_that_is_no_hash_stops_the_whole_file_without_showing_it(row: str) -> None:
    with pytest.raises(UnsendableRow) as caught:
        hash_file([MD5, row, SHA256], IdentifierType.EMAIL_HASH)

    assert not row.strip() or row.strip() not in str(caught.value)


@pytest.mark.parametrize("identifier_type", [IdentifierType.AAID, IdentifierType.IDFA])
def test_device_ids_go_in_any_case(identifier_type: IdentifierType) -> None:
    rows = [DEVICE, DEVICE.upper()]

    assert hash_file(rows, identifier_type) == f"{rows[0]}\n{rows[1]}\n".encode()


@pytest.mark.parametrize("row", [MD5, DEVICE.replace("-", ""), DEVICE + "\n" + DEVICE])
def test_what_is_no_device_id_is_not_sent_as_one(row: str) -> None:
    with pytest.raises(UnsendableRow):
        hash_file([row], IdentifierType.AAID)


def test_all_three_kinds_of_hash_share_a_file() -> None:
    assert hash_file([MD5, SHA1, SHA256], IdentifierType.EMAIL_HASH).count(b"\n") == 3


def test_a_file_without_rows_is_an_error() -> None:
    with pytest.raises(UnsendableRow):
        hash_file([], IdentifierType.EMAIL_HASH)


@given(
    st.lists(st.sampled_from([MD5, SHA1, SHA256])),
    st.integers(1, 12),
    st.integers(ROW_BYTES_MAX, 700),
)
def test_as_many_rows_as_fit_are_in_a_file_and_never_more(
    rows: list[str], max_rows: int, max_bytes: int
) -> None:
    count = rows_that_fit(rows, max_rows=max_rows, max_bytes=max_bytes)

    def fits(more: int) -> bool:
        return more <= max_rows and sum(len(row) + 1 for row in rows[:more]) <= max_bytes

    assert fits(count)
    assert count == len(rows) or not fits(count + 1)
