import pytest

from consumer.direct_calls.masking import MASK, looks_like_email, masked


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com",
        "  Ada@Example.com ",
        "write to ada@example.com today",
        "ada%40example.com",
        "ada%2540example.com",
        "https://shop.example/?next=%2Fu%3Fe%3Dada%2540example.com",
        "ada\uff20example.com",
        "ada@example\uff0ecom",
        "a@b@c.d",
        "@ada@example.com",
        "ada@müller.example",
        "x\x1cada@example.com",
    ],
)
def test_whatever_may_hold_an_email_is_masked_as_a_whole(text: str) -> None:
    assert masked(text) == MASK == "*********"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tea",
        "@ada",
        "ada@",
        "ada@localhost",
        "ada@.com",
        "ada@example.",
        "3 @ 4.50",
        "50% off",
        "a@ b.c",
    ],
)
def test_what_cannot_be_an_email_stays(text: str) -> None:
    assert masked(text) == text


def test_text_that_is_encoded_again_and_again_counts_as_an_email() -> None:
    hidden = "%" + "25" * 20 + "40"

    assert looks_like_email(hidden)


def test_a_megabyte_of_text_is_looked_through_at_once() -> None:
    assert not looks_like_email("a" * 1_000_000 + "@")
    assert looks_like_email("a" * 1_000_000 + "@" * 1_000_000 + "a.b")
