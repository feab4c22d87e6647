"""A changed email: what an event must show for the old address to leave with it, and what never tells which is old."""

import json
from dataclasses import replace

import pytest

from consumer.audience.membership import Action, Identifier, IdentifierType
from consumer.choices import EmailHash
from consumer.cli.event_values import EventValue
from consumer.cli.explain_view import as_json_line, as_text
from consumer.cli.explanation import explain_events
from consumer.record import IgnoreReason
from consumer.segment.event import event_from
from consumer.segment.membership_rules import MembershipPolicy, Note
from tests.segment_events import (
    EMAIL,
    KEY,
    OMITTED,
    Fields,
    a_plain_call,
    a_policy,
    a_track,
    an_identify,
    hashes_of,
    personas,
    read,
)

OLD = "zoe.before@shop.example"
REFUSED = {"categoryPreferences": {"Advertising": False}}
MD5, SHA1, SHA256 = hashes_of(OLD)


def email(text: str) -> Identifier:
    return Identifier(IdentifierType.EMAIL_HASH, hashes_of(text) if "@" in text else (text,))


def a_change(new: object = EMAIL, old: object = OLD, **fields: object) -> Fields:
    """An identify call that sets an email in `traits` and has another in `context.traits`."""
    context = {"personas": personas(), "traits": {"email": old}}
    context.update(fields.pop("context", {}))  # type: ignore[call-overload]
    return an_identify(email=new, context=context, **fields)  # type: ignore[arg-type]


def told(fields: Fields, policy: MembershipPolicy | None = None) -> list[tuple[Action, Identifier]]:
    return [(change.action, change.identifier) for change in read(fields, policy).changes]


def test_the_old_address_leaves_with_the_event_that_brings_the_new_one() -> None:
    reading = read(a_change())

    assert [(c.action, c.identifier) for c in reading.changes] == [
        (Action.ADD, email(EMAIL)),
        (Action.REMOVE, email(OLD)),
    ]
    assert len({change.version for change in reading.changes}) == 1
    assert reading.notes == (Note.EMAIL_CHANGED,)
    assert reading.ignored == ()


def test_who_leaves_leaves_by_both_addresses() -> None:
    assert told(a_change(value=False)) == [
        (Action.REMOVE, email(EMAIL)),
        (Action.REMOVE, email(OLD)),
    ]


def test_a_call_of_ones_own_takes_the_old_address_out_of_each_audience_it_speaks_of() -> None:
    call = a_plain_call(
        "identify",
        traits={"email": EMAIL, KEY: True, "other": False},
        context={"traits": {"email": OLD}},
    )

    reading = read(call, a_policy(KEY, "other"))

    removed = [c.audience for c in reading.changes if c.identifier == email(OLD)]
    assert removed == [KEY, "other"]


@pytest.mark.parametrize(
    "old",
    [
        EMAIL,
        f"  <{EMAIL.upper()}> ",
        *hashes_of(EMAIL),
        hashes_of(EMAIL)[2].upper(),
        "no address",
        "",
        None,
        7,
        "d41d8cd98f00b204e9800998ecf8427e",  # of nothing
    ],
)
def test_the_same_address_or_none_is_no_change(old: object) -> None:
    reading = read(a_change(old=old))

    assert [change.identifier for change in reading.changes] == [email(EMAIL)]
    assert reading.notes == ()


@pytest.mark.parametrize("old", [MD5, SHA1, SHA256])
def test_an_old_address_that_is_shown_as_a_hash_leaves_by_that_hash(old: str) -> None:
    assert told(a_change(old=old))[1] == (Action.REMOVE, email(old))


def test_a_hash_is_compared_by_kinds_that_are_not_sent_too() -> None:
    policy = replace(a_policy(), email_hashes=(EmailHash.SHA256,))
    sha256 = Identifier(IdentifierType.EMAIL_HASH, (hashes_of(EMAIL)[2],))

    assert told(a_change(old=hashes_of(EMAIL)[0]), policy) == [(Action.ADD, sha256)]


def test_two_hashes_tell_of_a_change_only_when_they_are_of_one_kind() -> None:
    new_md5, _, new_sha256 = hashes_of(EMAIL)

    assert told(a_change(new=new_md5, old=SHA256)) == [(Action.ADD, email(new_md5))]
    assert told(a_change(new=new_sha256, old=SHA256)) == [
        (Action.ADD, email(new_sha256)),
        (Action.REMOVE, email(SHA256)),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            a_track(properties={"email": OLD}), id="properties may hold somebody else's address"
        ),
        pytest.param(
            an_identify(properties={"email": OLD}), id="whatever the call is of"
        ),
        pytest.param(
            an_identify(
                context={
                    "personas": personas(),
                    "externalIds": [
                        {"type": "email", "id": OLD, "collection": "users", "encoding": "none"}
                    ],
                }
            ),
            id="external ids are all addresses that are in use",
        ),
        pytest.param(
            a_track(traits={"email": OLD}), id="only an identify call sets traits"
        ),
    ],
)  # fmt: skip
def test_nothing_else_tells_which_of_two_addresses_is_the_old_one(fields: Fields) -> None:
    reading = read(fields)

    assert {change.action for change in reading.changes} == {Action.ADD}
    assert len(reading.changes) == 1
    assert Note.EMAIL_CHANGED not in reading.notes


def test_without_a_usable_new_address_the_shown_one_is_the_persons() -> None:
    assert told(a_change(new="none")) == [(Action.ADD, email(OLD))]
    assert told(a_change(new=OMITTED)) == [(Action.ADD, email(OLD))]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (a_change(context={"consent": REFUSED}), IgnoreReason.NO_CONSENT),
        (a_change(integrations={"LiveIntent Audiences": False}), IgnoreReason.OPTED_OUT),
    ],
)
def test_whatever_keeps_the_new_address_out_the_old_one_leaves(
    fields: Fields, reason: IgnoreReason
) -> None:
    reading = read(fields, a_policy(consent_categories=["Advertising"]))

    assert [(c.action, c.identifier) for c in reading.changes] == [(Action.REMOVE, email(OLD))]
    assert reading.ignored == (reason,)


def test_an_event_that_is_not_for_us_changes_nothing() -> None:
    assert told(a_change(integrations={"All": False, "Mixpanel": True})) == []


def test_it_can_be_switched_off_for_feeds_that_put_another_valid_address_there() -> None:
    policy = replace(a_policy(), removes_old_email=False)

    assert told(a_change(), policy) == [(Action.ADD, email(EMAIL))]
    assert read(a_change(), policy).notes == ()


def test_kinds_that_are_left_out_are_neither_added_nor_removed() -> None:
    device = {"device": {"type": "ios", "advertisingId": "7D2A1F3C-90AB-4CDE-8F01-23456789ABCD"}}
    no_emails = replace(a_policy(), identifier_types=frozenset({IdentifierType.IDFA}))
    no_idfas = replace(a_policy(), identifier_types=frozenset({IdentifierType.EMAIL_HASH}))
    only_a_device = a_track(email=OMITTED, context=device)

    assert [kind for _, kind in told(a_change(context=device), no_emails)] == [
        Identifier(IdentifierType.IDFA, ("7D2A1F3C-90AB-4CDE-8F01-23456789ABCD",))
    ]
    assert read(a_change(), no_emails).ignored == (IgnoreReason.NO_IDENTIFIER,)
    assert read(only_a_device, no_idfas).ignored == (IgnoreReason.NO_IDENTIFIER,)
    assert read(only_a_device, no_idfas).changes == ()


def test_explain_shows_both() -> None:
    fields = a_change()
    value = EventValue("a file", json.dumps(fields).encode())

    (explanation,) = explain_events([value], a_policy(), lambda _: [event_from(fields)])

    changes = json.loads(as_json_line(explanation))["changes"]
    assert [(change["action"], change["identifiers"]) for change in changes] == [
        ("add", {"EMAIL_HASH": list(hashes_of(EMAIL))}),
        ("remove", {"EMAIL_HASH": list(hashes_of(OLD))}),
    ]
    text = as_text(explanation).plain
    assert f"remove from {KEY}: EMAIL_HASH" in text
    assert "email_changed: It brings another email" in text
    assert OLD not in text
