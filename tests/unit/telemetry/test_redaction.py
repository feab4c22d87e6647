import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.telemetry.redaction import MASK, redact, redacted

# 2**62 + 2, in hex of each length, stands for any digest.
SHA256 = hashlib.sha256(b"jane").hexdigest()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("no user jane.doe+x@mail.example.com here", f"no user {MASK} here"),
        ('bad row "jane@example.com"', f'bad row "{MASK}"'),
        ("email=jane%40example.com&x=1", f"email={MASK}&x=1"),
        ("<jane@exämple.de>", f"<{MASK}>"),
        (f"hash {SHA256}", f"hash {MASK}"),
        (f"hash {SHA256.upper()}.", f"hash {MASK}."),
        (f"sha1 {SHA256[:40]}, md5 {SHA256[:32]}", f"sha1 {MASK}, md5 {MASK}"),
        ("aaid 6D92078A-8246-4BA4-AE5B-76104861E7DC", f"aaid {MASK}"),
        (
            "PUT https://storage.example/b/key?X-Amz-Signature=abc&y=1 failed",
            f"PUT https://storage.example/b/key?{MASK} failed",
        ),
        ("to sasl://user:hunter2@broker:9092", f"to sasl://{MASK}@broker:9092"),
        ("Authorization: Bearer abc.def-g", f"Authorization: Bearer {MASK}"),
    ],
)
def test_what_looks_like_a_person_or_a_secret_is_masked(text: str, masked: str) -> None:
    assert redacted(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Upload postponed.",
        "https://api.example/v1/audiences/12",
        "segment-events-3 offset 1204000",
        "2026-11-23T14:00:00.123456Z",
        "vip_customers@",
        f"{SHA256}ab",  # 66 hex digits are no digest of ours
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redacted(text) == text


@given(
    st.text(), st.sampled_from(["jane@example.com", SHA256, SHA256[:32], SHA256[:40]]), st.text()
)
def test_a_person_is_masked_between_any_words(before: str, person: str, after: str) -> None:
    assert person not in redacted(f"{before} {person} {after}")


@pytest.mark.parametrize(
    "odd", ["a" * 200_000, "a." * 100_000, "https://" * 25_000, "a@" * 100_000]
)
def test_no_text_takes_long(odd: str) -> None:
    before = time.perf_counter()
    redacted(odd)

    assert time.perf_counter() - before < 5


def test_values_under_a_telling_key_are_masked_whatever_they_look_like() -> None:
    fields = {
        "event": "Signed.",
        "api_key": "k",
        "Authorization": "k",
        "signedUrl": "k",
        "sasl.password": "k",
        "nested": {"token": ["k"], "name": "vip"},
        "token_age_seconds": 12,
    }

    assert redact(None, "info", fields) == {
        "event": "Signed.",
        "api_key": MASK,
        "Authorization": MASK,
        "signedUrl": MASK,
        "sasl.password": MASK,
        "nested": {"token": MASK, "name": "vip"},
        "token_age_seconds": 12,
    }


def test_structures_are_searched_and_odd_values_become_text() -> None:
    deep: list[object] = ["jane@example.com"]
    for _ in range(20):
        deep = [deep]
    fields = {
        "event": "x",
        "rows": ["jane@example.com", {"jane@example.com": SHA256}],
        "raw": b"jane@example.com",
        "error": ValueError("jane@example.com"),
        "none": None,
        "flag": True,
        "share": 0.5,
        "deep": deep,
    }

    line = redact(None, "info", fields)

    assert "jane" not in str(line)
    assert line["raw"] == "[16 bytes]"
    assert line["error"] == MASK
    assert (line["none"], line["flag"], line["share"]) == (None, True, 0.5)


def test_the_number_of_a_privacy_request_is_shown_and_nothing_else_under_its_name() -> None:
    number, email = "8f0894ff-624c-453e-ad5c-08cb5a8963fc", "jane@example.com"

    def shown(value: str) -> object:
        return redact(None, "info", {"transaction_id": value})["transaction_id"]

    assert shown(number) == number
    assert [shown(each) for each in (email, SHA256, f"{number} {email}")] == [
        MASK,
        MASK,
        f"{MASK} {MASK}",
    ]
