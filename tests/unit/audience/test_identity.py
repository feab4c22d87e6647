import sys
import unicodedata

import pytest

from consumer.audience.identity import device_identifier, email_identifier, normalise_email
from consumer.audience.membership import Identifier, IdentifierType
from consumer.choices import EmailHash

ALL = tuple(EmailHash)
MD5 = "b51ff2af98e2f5e13c52caf71b9a8b40"
SHA1 = "9aa9c1d240518dd163a61388e3f92980d9230c6d"
SHA256 = "f6c62fe788b7af2f7f209607553e736261af6fa659f565d6eb281aecb90daa75"
IDFA = "7D2A1F3C-90AB-4CDE-8F01-23456789ABCD"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("foo@bar.com", "foo@bar.com"),
        ("  Foo@BAR.com \n", "foo@bar.com"),
        ("\u00a0foo@bar.com\u3000", "foo@bar.com"),
        ("\u200bfoo@bar.com\ufeff", "foo@bar.com"),
        ("\u202afoo@bar.com\u202c", "foo@bar.com"),
        ("<foo@bar.com>", "foo@bar.com"),
        ('" foo@bar.com "', "foo@bar.com"),
        ("'foo@bar.com'", "foo@bar.com"),
        ("\u201cfoo@bar.com\u201d", "foo@bar.com"),
        ("foo.bar+news@gmail.com", "foo.bar+news@gmail.com"),
        ("o'brien@bar.com", "o'brien@bar.com"),
        ("foo@B\u00dcCHER.example", "foo@b\u00fccher.example"),
        ("foo@xn--bcher-kva.example", "foo@xn--bcher-kva.example"),
        ("foo@bu\u0308cher.example", "foo@b\u00fccher.example"),
        ("stra\u00dfe@bar.com", "stra\u00dfe@bar.com"),  # lower(), not casefold()
        ("foo@sub.bar.co.uk", "foo@sub.bar.co.uk"),
    ],
)
def test_an_address_is_normalised(text: str, address: str) -> None:
    assert normalise_email(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "foo",
        "foo@",
        "@bar.com",
        "foo@bar",
        "foo@.com",
        "foo@bar.",
        "foo@bar..com",
        "foo@bar@baz.com",
        "foo bar@baz.com",
        "foo\u00a0bar@baz.com",
        "foo\u200bbar@baz.com",
        "foo\tbar@baz.com",
        "foo\x00@bar.com",
        "Foo Bar <foo@bar.com>",
        "Foo<foo@bar.com>",
        '"foo"@bar.com',
        "mailto:foo@bar.com",
        "foo@bar.com,baz@bar.com",
        "foo@bar.com;",
        "foo@bar.com\ud800",
        "\udfff@bar.com",
    ],
)
def test_what_is_no_address_is_unusable(text: str) -> None:
    assert normalise_email(text) is None
    assert email_identifier(text, ALL) is None


def test_every_kind_of_space_is_stripped() -> None:
    spaces = [chr(i) for i in range(sys.maxunicode + 1) if chr(i).isspace()]
    assert len(spaces) > 20

    assert {normalise_email(f"{space}foo@bar.com{space}") for space in spaces} == {"foo@bar.com"}


def test_an_email_becomes_md5_sha1_and_sha256_of_its_normal_form() -> None:
    identifier = email_identifier(" Mia.Kov@Example.org", ALL)

    assert identifier == Identifier(IdentifierType.EMAIL_HASH, (MD5, SHA1, SHA256))


def test_hashes_keep_their_order_whatever_order_they_are_configured_in() -> None:
    identifier = email_identifier("mia.kov@example.org", (EmailHash.SHA256, EmailHash.MD5))

    assert identifier is not None
    assert identifier.values == (MD5, SHA256)


def test_without_algorithms_an_email_has_no_identifier() -> None:
    assert email_identifier("mia.kov@example.org", ()) is None


@pytest.mark.parametrize("hashed", [MD5, SHA1, SHA256])
def test_a_hash_is_taken_as_it_is_in_lower_case(hashed: str) -> None:
    for text in (hashed, f"  {hashed.upper()}\ufeff", f'"{hashed}"'):
        identifier = email_identifier(text, (EmailHash.SHA256,))

        assert identifier == Identifier(IdentifierType.EMAIL_HASH, (hashed,))


@pytest.mark.parametrize(
    "text", [MD5[:-1], SHA256 + "0", SHA1.replace("6", "g"), SHA1[:20] + "-" + SHA1[21:]]
)
def test_what_has_not_the_length_or_digits_of_a_hash_is_none(text: str) -> None:
    assert email_identifier(text, ALL) is None


@pytest.mark.parametrize(
    "hashed",
    [
        "d41d8cd98f00b204e9800998ecf8427e",
        "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
        " e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
)
def test_the_hash_of_an_empty_text_is_nobody(hashed: str) -> None:
    assert email_identifier(hashed, ALL) is None


def test_a_decomposed_and_a_composed_letter_are_one_address() -> None:
    composed = "jos\u00e9@bar.com"

    assert email_identifier(unicodedata.normalize("NFD", composed), ALL) == email_identifier(
        composed, ALL
    )


def test_an_apple_id_is_upper_case_and_an_android_id_lower_case() -> None:
    assert device_identifier(IdentifierType.IDFA, f" {IDFA.lower()} ") == Identifier(
        IdentifierType.IDFA, (IDFA,)
    )
    assert device_identifier(IdentifierType.AAID, IDFA) == Identifier(
        IdentifierType.AAID, (IDFA.lower(),)
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00000000-0000-0000-0000-000000000000",
        IDFA.replace("-", ""),  # 32 hex digits: would pass for an MD5
        IDFA[:-1],
        IDFA.replace("A", "G"),
        IDFA + "\ud800",
        "unknown",
    ],
)
def test_what_is_no_advertising_id_is_dropped(value: str) -> None:
    assert device_identifier(IdentifierType.IDFA, value) is None
    assert device_identifier(IdentifierType.AAID, value) is None
