from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.liveintent.shapes import (
    AudienceCount,
    AudienceRow,
    CursorPage,
    OffsetPage,
    SignedUrl,
    UnexpectedShape,
    UploadEntry,
    read_audience,
    read_audience_cursor_page,
    read_audience_page,
    read_counts,
    read_signed_url,
    read_upload_page,
)

AUDIENCE: dict[str, object] = {
    "id": 900123,
    "name": "spring_buyers",
    "accountId": 7001,
    "dataProviderId": 84,
    "status": "Active",
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z",
    "metadata": {},
    "somethingNew": [1],
}
UPLOAD: dict[str, object] = {
    "status": "Pending",
    "action": "ADD",
    "uploadType": "EMAIL_HASH",
    "scheduleAt": "2026-01-01T00:00:05.123456789Z",
    "lastUpdate": "2026-01-01T00:00:06Z",
    "uploadedHashesCount": 3,
    "invalidHashesCount": 2,
    "estimatedDuplicateCount": 1,
    "notificationEmail": None,
}
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_audience_is_read_whatever_else_comes_with_it() -> None:
    row = read_audience(AUDIENCE)

    assert (row.id, row.name, row.status, row.created_at) == (
        900123,
        "spring_buyers",
        "Active",
        MIDNIGHT,
    )


def test_a_cursor_page_ends_with_null_absence_or_nothing() -> None:
    expected: CursorPage[AudienceRow] = CursorPage([], None)

    assert read_audience_cursor_page({"items": [], "next": None}) == expected
    assert read_audience_cursor_page({"items": []}) == expected
    assert read_audience_cursor_page({"items": [], "next": ""}) == expected


def test_an_upload_is_read_with_nanoseconds() -> None:
    page = read_upload_page({"entries": [UPLOAD], "pages": 1})

    assert page == OffsetPage(
        [
            UploadEntry(
                "Pending",
                "ADD",
                "EMAIL_HASH",
                datetime(2026, 1, 1, 0, 0, 5, 123456, UTC),
                datetime(2026, 1, 1, 0, 0, 6, tzinfo=UTC),
                3,
                2,
                1,
            )
        ],
        1,
    )


def test_an_upload_needs_only_what_tells_it_apart() -> None:
    bare = {"status": "Running", "action": "ADD", "scheduleAt": "2026-01-01T00:00:00"}

    (entry,) = read_upload_page({"entries": [bare], "pages": 1}).items

    assert entry == UploadEntry("Running", "ADD", "", MIDNIGHT, MIDNIGHT, 0, 0, 0)


def test_counts_and_urls_are_read() -> None:
    counts = {"entries": [{"date": "2026-01-01", "totalCount": 5, "matchCount": 3}]}

    assert read_counts(counts) == [AudienceCount("2026-01-01", 5, 3)]
    assert read_signed_url({"signedUrl": "https://s/?x=1"}) == SignedUrl("https://s/?x=1")
    assert "x=1" not in repr(SignedUrl("https://s/?x=1"))


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {**AUDIENCE, "id": "900123"},
        {**AUDIENCE, "id": True},
        {**AUDIENCE, "name": None},
        {**AUDIENCE, "createdAt": "yesterday, says ada@example.com"},
        {**AUDIENCE, "createdAt": 7},
    ],
)
def test_what_is_no_audience_is_told_without_its_content(body: object) -> None:
    with pytest.raises(UnexpectedShape) as caught:
        read_audience(body)

    assert "ada@example.com" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["", "ftp://x/", "/relative", "javascript:alert(1)"])
def test_a_url_we_could_not_put_to_is_refused(url: str) -> None:
    with pytest.raises(UnexpectedShape):
        read_signed_url({"signedUrl": url})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.dictionaries(
    st.sampled_from(["items", "entries", "next", "pages", "signedUrl", "id"]), JSON
)


@settings(max_examples=40)
@given(JSON | FIELDS)
def test_any_json_is_read_or_is_an_unexpected_shape(body: object) -> None:
    for read in (
        read_audience,
        read_audience_cursor_page,
        read_audience_page,
        read_upload_page,
        read_counts,
        read_signed_url,
    ):
        try:
            read(body)
        except UnexpectedShape:
            continue
