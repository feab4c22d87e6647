from hypothesis import example, given
from hypothesis import strategies as st

from consumer.audience.identity import device_identifier, email_identifier, normalise_email
from consumer.audience.membership import IdentifierType
from consumer.choices import EmailHash

ANY_TEXT = st.text(st.characters(codec=None), max_size=80)  # lone surrogates too
SPACE = st.text(
    st.sampled_from(" \t\r\n\u00a0\u2003\u200b\u200d\u2060\ufeff\u202a<>\"'\u201c\u201d"),
    max_size=5,
)
ADDRESS = st.builds(
    "{}@{}.{}".format,
    st.text("abcxyz0189._+-'", min_size=1, max_size=20).filter(lambda text: text[0] != "'"),
    st.text("abcxyz0189-", min_size=1, max_size=20),
    st.sampled_from(["com", "co.uk", "example", "xn--p1ai"]),
)
HEX = st.sampled_from([32, 40, 64]).flatmap(
    lambda length: st.text("0123456789abcdef", min_size=length, max_size=length)
)
ALGORITHMS = st.sets(st.sampled_from(EmailHash), min_size=1)


@given(ANY_TEXT, ALGORITHMS)
@example("\ud83d@shop.example", {EmailHash.MD5})
def test_no_text_whatever_crashes_or_comes_out_again(text: str, algorithms: set[EmailHash]) -> None:
    normal = normalise_email(text)
    identifier = email_identifier(text, algorithms)

    assert normal is None or (normal == normal.strip() and normal.isprintable())
    if identifier is not None:
        assert identifier.values
        assert all(set(value) <= set("0123456789abcdef") for value in identifier.values)


@given(ADDRESS, SPACE, SPACE)
def test_an_address_survives_anything_around_it_and_any_case(
    address: str, before: str, after: str
) -> None:
    assert normalise_email(f"{before}{address.upper()}{after}") == address
    assert normalise_email(address) == address


@given(ADDRESS, ALGORITHMS)
def test_an_email_has_one_hash_per_algorithm_in_a_fixed_order(
    address: str, algorithms: set[EmailHash]
) -> None:
    identifier = email_identifier(address, algorithms)
    wanted = {EmailHash.MD5: 32, EmailHash.SHA1: 40, EmailHash.SHA256: 64}

    assert identifier is not None
    assert [len(value) for value in identifier.values] == [
        length for algorithm, length in wanted.items() if algorithm in algorithms
    ]
    assert not any(address in value for value in identifier.values)


@given(HEX, SPACE, SPACE, ALGORITHMS)
def test_a_hash_comes_out_as_it_went_in(
    hashed: str, before: str, after: str, algorithms: set[EmailHash]
) -> None:
    identifier = email_identifier(f"{before}{hashed.upper()}{after}", algorithms)

    assert identifier is not None
    assert identifier.values == (hashed,)


@given(ANY_TEXT | st.uuids().map(str))
def test_a_device_id_is_canonical_or_nothing(text: str) -> None:
    android = device_identifier(IdentifierType.AAID, text)
    apple = device_identifier(IdentifierType.IDFA, text)

    assert (android is None) == (apple is None)
    if android is not None and apple is not None:
        assert len(android.values[0]) == 36
        assert android.values[0] == apple.values[0].lower()
