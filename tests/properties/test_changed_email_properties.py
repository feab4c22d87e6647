"""Which addresses an event takes in and out of an audience, whatever it holds."""

import hashlib
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from consumer.audience.identity import email_identifier, is_another_address
from consumer.audience.membership import Action, Identifier, IdentifierType
from consumer.choices import EmailHash
from consumer.segment.membership_rules import MembershipPolicy
from tests.properties.effort import effort
from tests.segment_events import Fields, a_policy, a_track, an_identify, personas, read

PEOPLE = ["ada@mail.example", "ben@mail.example", "cy@mail.example"]
KINDS = ["md5", "sha1", "sha256"]


def hashed(address: str, kind: str) -> str:
    return hashlib.new(kind, address.encode()).hexdigest()


# Whose address it is, and how it is written: plain, in capitals, or by one of its hashes.
WRITTEN = st.builds(
    lambda person, form: (
        person,
        hashed(person, form) if form in KINDS else f" {person} " if form == "" else person.upper(),
    ),
    st.sampled_from(PEOPLE),
    st.sampled_from(["", "capitals", *KINDS]),
)
NOTHING = st.sampled_from([("", ""), ("", "none"), ("", hashlib.md5(b"").hexdigest())])
POLICIES = st.builds(
    lambda hashes, types, removes: replace(
        a_policy(), email_hashes=hashes, identifier_types=types, removes_old_email=removes
    ),
    st.sets(st.sampled_from(EmailHash), min_size=1).map(
        lambda chosen: tuple(each for each in EmailHash if each in chosen)
    ),
    st.sets(st.sampled_from(IdentifierType), min_size=1).map(frozenset),
    st.booleans(),
)
DEVICES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["ios", "iOS", "android", "tvos"]),
        "advertisingId": st.uuids().map(str),
    },
    optional={"adTrackingEnabled": st.booleans()},
)


@effort(examples=200)
@given(WRITTEN | NOTHING, WRITTEN | NOTHING)
def test_two_texts_are_of_different_addresses_only_when_that_is_certain(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    (person, text), (other_person, other_text) = one, other
    are_different = is_another_address(text, than=other_text)

    if are_different:
        assert person
        assert other_person
        assert person != other_person
    elif person and other_person and person != other_person:
        # Two hashes of different kinds: nobody can tell.
        lengths = {len(text), len(other_text)}
        assert len(lengths) == 2
        assert lengths <= {32, 40, 64}
    assert are_different == is_another_address(other_text, than=text)


@effort(examples=200)
@given(WRITTEN, WRITTEN | NOTHING, POLICIES, DEVICES, st.booleans())
def test_one_event_never_adds_and_removes_one_value_and_removes_no_more_than_it_shows(
    new: tuple[str, str],
    old: tuple[str, str],
    policy: MembershipPolicy,
    device: Fields,
    value: bool,
) -> None:
    context = {"personas": personas(), "traits": {"email": old[1]}, "device": device}

    changes = read(an_identify(email=new[1], value=value, context=context), policy).changes

    added = {row for c in changes if c.action is Action.ADD for row in c.identifier.values}
    removed = {row for c in changes if c.action is Action.REMOVE for row in c.identifier.values}
    assert not added & removed
    assert all(change.identifier.type in policy.identifier_types for change in changes)
    assert not any("@" in row for row in added | removed)
    shown = {
        row
        for text in (new[1], old[1])
        if (identifier := email_identifier(text, policy.email_hashes)) is not None
        for row in identifier.values
    }
    ids = {str(device["advertisingId"]).lower(), str(device["advertisingId"]).upper()}
    assert removed <= shown | ids
    if not policy.removes_old_email and value:
        assert not removed


@effort(examples=100)
@given(
    st.sampled_from([an_identify, a_track]), WRITTEN, POLICIES, DEVICES
)  # fmt: skip
def test_whoever_was_added_is_removed_by_the_same_values_and_perhaps_more(
    call: type, written: tuple[str, str], policy: MembershipPolicy, device: Fields
) -> None:
    def members(*, value: bool) -> set[Identifier]:
        context = {"personas": personas(), "device": device}
        fields = call(email=written[1], value=value, context=context)
        if call is a_track:
            fields["context"] = {**context, "traits": {"email": written[1]}}
        return {change.identifier for change in read(fields, policy).changes}

    added, removed = members(value=True), members(value=False)

    assert added <= removed
    limited = device.get("adTrackingEnabled") is False
    assert limited or added == removed
