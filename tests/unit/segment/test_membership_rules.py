import dataclasses
from collections.abc import Mapping

import pytest

from consumer.audience.membership import Action, Identifier, IdentifierType, MembershipChange
from consumer.record import IgnoreReason, Rejected, RejectReason
from consumer.segment.event import EventType, SegmentEvent
from consumer.segment.membership_rules import Note, Origin, Reading, read_changes
from tests.segment_events import (
    EMAIL,
    KEY,
    OMITTED,
    ORIGIN,
    Fields,
    a_plain_call,
    a_policy,
    a_track,
    an_identify,
    event_of,
    every_audience,
    hashes_of,
    personas,
    read,
)

IDFA = "7D2A1F3C-90AB-4CDE-8F01-23456789ABCD"
OTHER_IDFA = "11112222-3333-4444-8555-666677778888"
AGREED = {"consent": {"categoryPreferences": {"Advertising": True}}}
REFUSED = {"consent": {"categoryPreferences": {"Advertising": False}}}
OPTED_OUT = {"LiveIntent Audiences": False}
SECOND_US = 1_000_000


def email_member(email: str = EMAIL) -> Identifier:
    return Identifier(IdentifierType.EMAIL_HASH, hashes_of(email))


def idfa(value: str = IDFA) -> Identifier:
    return Identifier(IdentifierType.IDFA, (value,))


def moves(changes: tuple[MembershipChange, ...]) -> list[tuple[str, Action]]:
    return [(change.audience, change.action) for change in changes]


def members(fields: Fields) -> list[Identifier]:
    return [change.identifier for change in read(fields).changes]


def a_track_with(places: Fields) -> Fields:
    """An enter with nothing in it that names a person but what `places` holds."""
    properties, context = places.get("properties", {}), places.get("context", {})
    assert isinstance(properties, Mapping)
    assert isinstance(context, Mapping)
    return a_track(
        email=OMITTED, properties=properties, context=context, traits=places.get("traits")
    )


def device_context(**device: object) -> dict[str, object]:
    return {"personas": personas(), "device": device}


# Membership


@pytest.mark.parametrize("call", [an_identify, a_track])
@pytest.mark.parametrize(("value", "action"), [(True, Action.ADD), (False, Action.REMOVE)])
def test_the_boolean_under_the_key_is_the_membership(
    call: type, value: bool, action: Action
) -> None:
    reading = read(call(value=value, event=OMITTED))

    assert moves(reading.changes) == [(KEY, action)]
    assert reading.changes[0].identifier == email_member()
    assert reading.changes[0].message_id == "personas_7Hq2"
    assert (reading.withheld, reading.ignored, reading.notes) == ((), (), ())


def test_identify_reads_traits_and_track_reads_properties_only() -> None:
    identify = an_identify(value=OMITTED, properties={KEY: True})
    track = a_track(value=OMITTED, traits={KEY: True})

    assert read(identify).ignored == (IgnoreReason.NO_MEMBERSHIP,)
    assert read(track).ignored == (IgnoreReason.NO_MEMBERSHIP,)


def test_the_key_comes_from_personas_not_from_the_audience_key_property() -> None:
    reading = read(a_track(properties={"audience_key": "other", "other": False}))

    assert moves(reading.changes) == [(KEY, Action.ADD)]


def test_other_booleans_of_an_engage_event_are_no_audiences() -> None:
    reading = read(an_identify(traits={"opted_in": True}), a_policy(KEY, "opted_in"))

    assert moves(reading.changes) == [(KEY, Action.ADD)]


@pytest.mark.parametrize(
    ("event", "value", "notes"),
    [
        ("Audience Entered", True, ()),
        ("Audience Entered", False, (Note.EVENT_NAME_MISMATCH,)),
        ("Audience Exited", False, ()),
        ("VIP club exited", True, (Note.EVENT_NAME_MISMATCH,)),
        ("Status Lost", True, ()),
        ("", False, ()),
    ],
)
def test_an_event_name_decides_nothing_and_is_noted_when_it_says_the_opposite(
    event: str, value: bool, notes: tuple[Note, ...]
) -> None:
    reading = read(a_track(event=event, value=value))

    assert moves(reading.changes) == [(KEY, Action.ADD if value else Action.REMOVE)]
    assert reading.notes == notes


@pytest.mark.parametrize(
    "computation_class",
    ["trait", "computed_trait", "Default", "Audience", "", None, 1, ["audience"], OMITTED],
)
def test_only_two_classes_are_audiences(computation_class: object) -> None:
    context = {"personas": personas(computation_class=computation_class)}

    assert read(an_identify(context=context)).ignored == (IgnoreReason.NOT_AN_AUDIENCE,)


@pytest.mark.parametrize("key", [OMITTED, None, "", 7, ["vip"], {}])
@pytest.mark.parametrize("computation_class", ["audience", "journey_step"])
def test_a_computation_without_a_key_has_no_membership(key: object, computation_class: str) -> None:
    context = {"personas": personas(key, computation_class)}

    assert read(an_identify(context=context)).ignored == (IgnoreReason.NO_MEMBERSHIP,)


@pytest.mark.parametrize("value", [OMITTED, None])
@pytest.mark.parametrize("computation_class", ["audience", "journey_step"])
def test_a_key_without_a_value_has_no_membership(value: object, computation_class: str) -> None:
    context = {"personas": personas(computation_class=computation_class)}

    assert read(an_identify(context=context, value=value)).ignored == (IgnoreReason.NO_MEMBERSHIP,)


@pytest.mark.parametrize("value", ["true", "false", "", 1, 0, 1.0, {}, [True], "yes"])
def test_what_is_no_real_boolean_is_a_bad_membership(value: object) -> None:
    assert read(an_identify(value=value)).ignored == (IgnoreReason.BAD_MEMBERSHIP,)


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ("true", Action.ADD),
        ("false", Action.REMOVE),
        ("True", None),
        ("FALSE", None),
        (" true", None),
        (1, None),
    ],
)
def test_string_booleans_are_exactly_true_and_false_when_switched_on(
    value: object, action: Action | None
) -> None:
    reading = read(an_identify(value=value), a_policy(string_booleans=True))

    assert moves(reading.changes) == ([] if action is None else [(KEY, action)])
    assert reading.ignored == ((IgnoreReason.BAD_MEMBERSHIP,) if action is None else ())


@pytest.mark.parametrize("value", [OMITTED, None])
def test_a_valueless_journey_step_adds_when_switched_on(value: object) -> None:
    policy = a_policy(valueless_journey_steps=True)
    step = {"personas": personas(computation_class="journey_step")}

    assert moves(read(a_track(context=step, value=value), policy).changes) == [(KEY, Action.ADD)]
    assert moves(read(a_track(context=step, value=False), policy).changes) == [(KEY, Action.REMOVE)]
    assert read(a_track(context=step, value="true"), policy).ignored == (
        IgnoreReason.BAD_MEMBERSHIP,
    )
    assert read(a_track(value=value), policy).ignored == (IgnoreReason.NO_MEMBERSHIP,)


# Audiences


def test_an_audience_that_is_not_listed_is_not_served() -> None:
    assert read(an_identify(), a_policy("other")).ignored == (IgnoreReason.AUDIENCE_NOT_CONFIGURED,)


def test_keys_are_compared_exactly() -> None:
    assert read(an_identify(), a_policy(KEY.upper())).ignored == (
        IgnoreReason.AUDIENCE_NOT_CONFIGURED,
    )


def test_every_engage_audience_is_served_under_a_star() -> None:
    assert moves(read(an_identify(), every_audience()).changes) == [(KEY, Action.ADD)]


@pytest.mark.parametrize("key", ["x" * 129, "caf\u00e9", "a/b", "a,b", "\ud800"])
def test_a_key_that_is_no_name_for_liveintent_rejects_the_event(key: str) -> None:
    event = event_of(an_identify(key=key, context={"personas": personas(key)}))

    rejected = read_changes(event, every_audience(), ORIGIN)

    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.INVALID_AUDIENCE_NAME
    assert key not in rejected.detail


def test_the_prefix_counts_towards_the_length_of_a_name() -> None:
    event = event_of(an_identify(key="x" * 128, context={"personas": personas("x" * 128)}))
    prefixed = dataclasses.replace(every_audience(), name_prefix="eu_")

    assert isinstance(read_changes(event, every_audience(), ORIGIN), Reading)
    assert isinstance(read_changes(event, prefixed, ORIGIN), Rejected)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"integrations": {"All": False}}, IgnoreReason.NOT_ADDRESSED),
        ({"email": OMITTED}, IgnoreReason.NO_IDENTIFIER),
        ({"value": "true"}, IgnoreReason.BAD_MEMBERSHIP),
    ],
)
def test_an_unusable_key_rejects_only_what_would_have_been_sent(
    fields: Fields, reason: IgnoreReason
) -> None:
    event = an_identify(key="a/b", context={"personas": personas("a/b")}, **fields)  # type: ignore[arg-type]

    assert read(event, every_audience()).ignored == (reason,)


def test_a_refused_addition_to_an_unusable_key_is_not_withheld_either() -> None:
    policy = dataclasses.replace(every_audience(), consent_categories=frozenset({"Advertising"}))

    reading = read(an_identify(key="a/b", context={"personas": personas("a/b"), **REFUSED}), policy)

    assert reading == Reading((), ignored=(IgnoreReason.NO_CONSENT,))


# Other calls


@pytest.mark.parametrize(
    ("call", "with_personas", "reason"),
    [
        ("page", False, IgnoreReason.NOT_AN_AUDIENCE),
        ("page", True, IgnoreReason.NOT_AN_AUDIENCE),
        ("screen", False, IgnoreReason.NOT_AN_AUDIENCE),
        ("group", False, IgnoreReason.NOT_AN_AUDIENCE),
        ("group", True, IgnoreReason.GROUP_LEVEL),
        ("alias", False, IgnoreReason.UNSUPPORTED_TYPE),
        ("alias", True, IgnoreReason.UNSUPPORTED_TYPE),
    ],
)
def test_other_calls_change_no_membership(
    call: str, with_personas: bool, reason: IgnoreReason
) -> None:
    values = {KEY: True, "email": EMAIL, "audience_key": KEY}
    context = {"personas": personas()} if with_personas else {}

    reading = read(a_plain_call(call, traits=values, properties=values, context=context))

    assert reading == Reading((), ignored=(reason,))


def test_no_call_is_without_a_rule() -> None:
    for call in set(EventType) - {EventType.DELETE}:
        assert isinstance(read_changes(SegmentEvent("id", call, None), a_policy(), ORIGIN), Reading)


# Without personas


@pytest.mark.parametrize(
    "nothing",
    [
        OMITTED,
        None,
        {},
        [],
        "text",
        {"namespace": "spa_9Tt1"},
        {"computation_class": None, "computation_key": None},
        {"computation_class": "", "computation_key": ""},
    ],
)
def test_personas_that_name_nothing_count_as_absent(nothing: object) -> None:
    context = {} if nothing is OMITTED else {"personas": nothing}
    traits = {KEY: True, "email": EMAIL}

    assert moves(read(a_plain_call("identify", traits=traits, context=context)).changes) == [
        (KEY, Action.ADD)
    ]


def test_a_plain_identify_counts_for_every_listed_audience_it_carries() -> None:
    traits = {"email": EMAIL, "b": True, "a": False, "opted_in": True, "c": None, "d": "yes"}

    reading = read(a_plain_call("identify", traits=traits), a_policy("a", "b", "c", "d", "e"))

    assert moves(reading.changes) == [("b", Action.ADD), ("a", Action.REMOVE)]
    assert reading.ignored == (IgnoreReason.BAD_MEMBERSHIP,)


@pytest.mark.parametrize("traits", [{}, {KEY: None}, {"opted_in": True}, {KEY.upper(): True}])
def test_a_plain_identify_without_a_listed_audience_is_not_an_audience(
    traits: Mapping[str, object],
) -> None:
    assert read(a_plain_call("identify", traits=traits)).ignored == (IgnoreReason.NOT_AN_AUDIENCE,)


@pytest.mark.parametrize(
    ("properties", "moved", "ignored"),
    [
        ({"audience_key": KEY, KEY: True}, [(KEY, Action.ADD)], ()),
        ({"audience_key": KEY, KEY: False, "other": True}, [(KEY, Action.REMOVE)], ()),
        ({"audience_key": KEY, KEY: None}, [], (IgnoreReason.NO_MEMBERSHIP,)),
        ({"audience_key": KEY}, [], (IgnoreReason.NO_MEMBERSHIP,)),
        ({"audience_key": KEY, KEY: 1}, [], (IgnoreReason.BAD_MEMBERSHIP,)),
        ({"audience_key": "other", "other": True}, [], (IgnoreReason.NOT_AN_AUDIENCE,)),
        ({KEY: True}, [], (IgnoreReason.NOT_AN_AUDIENCE,)),
        ({"audience_key": [KEY], KEY: True}, [], (IgnoreReason.NOT_AN_AUDIENCE,)),
        ({"audience_key": None}, [], (IgnoreReason.NOT_AN_AUDIENCE,)),
    ],
)
def test_a_plain_track_counts_for_the_listed_audience_it_names(
    properties: dict[str, object],
    moved: list[tuple[str, Action]],
    ignored: tuple[IgnoreReason, ...],
) -> None:
    reading = read(a_plain_call("track", properties={"email": EMAIL, **properties}))

    assert moves(reading.changes) == moved
    assert reading.ignored == ignored


def test_a_star_never_applies_without_personas() -> None:
    for call, field in (("identify", "traits"), ("track", "properties")):
        event = a_plain_call(call, **{field: {"audience_key": KEY, KEY: True, "email": EMAIL}})

        assert read(event, every_audience()).ignored == (IgnoreReason.NOT_AN_AUDIENCE,)


def test_a_listed_name_counts_without_personas_beside_a_star() -> None:
    policy = a_policy(KEY, every_audience=True)
    event = a_plain_call("identify", traits={KEY: True, "other": True, "email": EMAIL})

    assert moves(read(event, policy).changes) == [(KEY, Action.ADD)]


# Integrations and consent


@pytest.mark.parametrize("value", [True, False])
def test_nothing_is_done_when_others_are_addressed(value: bool) -> None:
    reading = read(
        an_identify(value=value, integrations={"All": False, "liveintent audiences": True})
    )

    assert reading == Reading(
        (),
        ignored=(IgnoreReason.NOT_ADDRESSED,),
        notes=(Note.INTEGRATION_CASE_NEAR_MISS,),
    )


def test_an_opt_out_stops_additions_and_no_removals() -> None:
    assert read(an_identify(integrations=OPTED_OUT)) == Reading(
        (), ignored=(IgnoreReason.OPTED_OUT,)
    )
    assert moves(read(an_identify(value=False, integrations=OPTED_OUT)).changes) == [
        (KEY, Action.REMOVE)
    ]


def test_missing_consent_stops_additions_and_withholds_them() -> None:
    policy = a_policy(consent_categories=["Advertising"])

    reading = read(an_identify(context={"personas": personas(), **REFUSED}), policy)

    assert (reading.changes, reading.ignored) == ((), (IgnoreReason.NO_CONSENT,))
    assert moves(reading.withheld) == [(KEY, Action.ADD)]
    agreed = read(an_identify(context={"personas": personas(), **AGREED}), policy)
    assert reading.withheld == agreed.changes


def test_missing_consent_never_stops_a_removal() -> None:
    policy = a_policy(consent_categories=["Advertising"])

    reading = read(an_identify(value=False, context={"personas": personas(), **REFUSED}), policy)

    assert moves(reading.changes) == [(KEY, Action.REMOVE)]
    assert reading.withheld == ()


def test_an_opt_out_alone_withholds_nothing_but_missing_consent_beside_it_does() -> None:
    policy = a_policy(consent_categories=["Advertising"])
    context = {"personas": personas(), **REFUSED}

    reading = read(an_identify(context=context, integrations=OPTED_OUT), policy)

    assert reading.ignored == (IgnoreReason.OPTED_OUT,)
    assert moves(reading.withheld) == [(KEY, Action.ADD)]


def test_each_part_has_its_own_reason_and_the_first_by_precedence_comes_first() -> None:
    policy = a_policy("a", "b", "c", "d", consent_categories=["Advertising"])
    traits = {"d": False, "a": True, "b": "yes", "c": False}

    reading = read(a_plain_call("identify", traits=traits, context=REFUSED), policy)

    assert reading.changes == ()
    assert reading.ignored == (
        IgnoreReason.BAD_MEMBERSHIP,
        IgnoreReason.NO_CONSENT,
        IgnoreReason.NO_IDENTIFIER,
        IgnoreReason.NO_IDENTIFIER,
    )


def test_precedence_is_the_order_of_the_reasons_not_of_the_event_or_the_alphabet() -> None:
    event = a_plain_call("identify", traits={"a": False, "b": True}, integrations=OPTED_OUT)

    assert read(event, a_policy("a", "b")).ignored == (
        IgnoreReason.OPTED_OUT,
        IgnoreReason.NO_IDENTIFIER,
    )


# Identifiers


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        (1, {"traits": {"email": "one@shop.example"}}),
        (2, {"context": {"traits": {"email": "two@shop.example"}}}),
        (3, {"properties": {"email": "three@shop.example"}}),
        (4, {"context": {"externalIds": [{"type": "email", "id": "four@shop.example"}]}}),
    ],
)
def test_an_email_is_found_in_each_of_its_places(order: int, fields: Fields) -> None:
    words = {1: "one", 2: "two", 3: "three", 4: "four"}
    reading = read(a_track_with(fields))

    assert [c.identifier for c in reading.changes] == [email_member(f"{words[order]}@shop.example")]


def test_the_first_usable_email_wins() -> None:
    places: Fields = {
        "traits": {"email": "not an email"},
        "context": {
            "traits": {"email": 7},
            "externalIds": [
                {"type": "user_id", "id": "zero@shop.example"},
                "odd",
                {"type": "email", "id": "@"},
                {"type": "email", "id": "first@shop.example"},
                {"type": "email", "id": "second@shop.example"},
            ],
        },
        "properties": {"email": "d41d8cd98f00b204e9800998ecf8427e"},
    }
    reading = read(a_track_with(places))

    assert [c.identifier for c in reading.changes] == [email_member("first@shop.example")]


def test_ids_of_segment_are_no_identifiers() -> None:
    event = an_identify(email=OMITTED, userId="zoe@shop.example", anonymousId="zoe@shop.example")

    assert read(event).ignored == (IgnoreReason.NO_IDENTIFIER,)


def test_an_event_without_any_segment_id_counts_by_its_email() -> None:
    assert members(an_identify(userId=OMITTED)) == [email_member()]


@pytest.mark.parametrize(
    ("platform", "member"),
    [
        ("ios", idfa()),
        ("iOS", idfa()),
        ("Android", Identifier(IdentifierType.AAID, (IDFA.lower(),))),
        ("roku", None),
        (None, None),
        (3, None),
    ],
)
def test_a_device_id_counts_by_its_platform(platform: object, member: Identifier | None) -> None:
    event = an_identify(
        email=OMITTED, context=device_context(type=platform, advertisingId=IDFA.lower())
    )

    assert members(event) == ([] if member is None else [member])


def test_an_email_and_each_device_id_are_members_of_their_own() -> None:
    event = an_identify(
        traits={"ios_idfa": OTHER_IDFA, "android_idfa": OTHER_IDFA},
        context=device_context(type="ios", advertisingId=IDFA),
    )

    assert members(event) == [
        email_member(),
        idfa(),
        idfa(OTHER_IDFA),
        Identifier(IdentifierType.AAID, (OTHER_IDFA,)),
    ]


def test_the_same_device_id_counts_once() -> None:
    event = a_track(
        email=OMITTED,
        properties={"ios_idfa": IDFA.lower()},
        context={"device": {"type": "ios", "advertisingId": IDFA}},
    )

    assert members(event) == [idfa()]


@pytest.mark.parametrize("platform", ["ios", "other", None])
def test_limited_tracking_stops_adding_that_device_by_whatever_way_it_comes(
    platform: object,
) -> None:
    limited = device_context(type=platform, advertisingId=IDFA, adTrackingEnabled=False)
    traits = {"ios_idfa": IDFA.lower()}

    assert members(an_identify(context=limited, traits=traits)) == [email_member()]
    assert members(an_identify(context=limited, traits=traits, value=False)) == [
        email_member(),
        idfa(),
    ]


def test_limited_tracking_of_one_device_leaves_another_alone() -> None:
    limited = device_context(type="ios", advertisingId=IDFA, adTrackingEnabled=False)

    event = an_identify(email=OMITTED, context=limited, traits={"ios_idfa": OTHER_IDFA})

    assert members(event) == [idfa(OTHER_IDFA)]


@pytest.mark.parametrize("enabled", [True, None, "false", 0])
def test_only_a_real_false_limits_tracking(enabled: object) -> None:
    context = device_context(type="ios", advertisingId=IDFA, adTrackingEnabled=enabled)

    assert members(an_identify(email=OMITTED, context=context)) == [idfa()]


def test_a_device_that_limits_tracking_and_nothing_else_is_no_identifier_to_add() -> None:
    limited = device_context(type="ios", advertisingId=IDFA, adTrackingEnabled=False)

    assert read(an_identify(email=OMITTED, context=limited)).ignored == (
        IgnoreReason.NO_IDENTIFIER,
    )


def test_withheld_additions_name_the_limited_device_too() -> None:
    limited = device_context(type="ios", advertisingId=IDFA, adTrackingEnabled=False)

    reading = read(
        an_identify(context={**limited, **REFUSED}), a_policy(consent_categories=["Advertising"])
    )

    assert [change.identifier for change in reading.withheld] == [email_member(), idfa()]


# Versions


def version_of(
    timestamp_us: int | None, received_us: int | None, record_us: int | None
) -> tuple[int, int]:
    event = SegmentEvent(
        "id",
        EventType.IDENTIFY,
        None,
        traits={KEY: True, "email": EMAIL},
        timestamp_us=timestamp_us,
        received_us=received_us,
    )
    reading = read_changes(event, a_policy(), Origin("t-0", 9, record_us))
    assert isinstance(reading, Reading)
    version = reading.changes[0].version
    assert (version.source, version.offset) == ("t-0", 9)
    assert bool(reading.notes) is (timestamp_us is not None and version.event_us != timestamp_us)
    return version.event_us, version.received_us


@pytest.mark.parametrize(
    ("times", "version"),
    [
        ((10, 20, 30), (10, 20)),
        ((None, 20, 30), (20, 20)),
        ((None, None, 30), (30, 30)),
        ((10, None, 30), (10, 30)),
        ((10, None, None), (10, 10)),
        ((None, None, None), (0, 0)),
        ((300 * SECOND_US + 20, 20, 30), (300 * SECOND_US + 20, 20)),
        ((300 * SECOND_US + 21, 20, 999 * SECOND_US), (300 * SECOND_US + 20, 20)),
        ((999 * SECOND_US, None, 30), (300 * SECOND_US + 30, 30)),
        ((999 * SECOND_US, None, None), (999 * SECOND_US, 999 * SECOND_US)),
    ],
)
def test_a_version_is_the_event_time_clamped_to_its_receipt(
    times: tuple[int | None, int | None, int | None], version: tuple[int, int]
) -> None:
    assert version_of(*times) == version


def test_a_clamped_clock_is_noted() -> None:
    reading = read(an_identify(timestamp="2031-01-01T00:00:00Z"))

    assert reading.notes == (Note.CLOCK_CLAMPED,)
    assert (
        reading.changes[0].version.event_us
        == reading.changes[0].version.received_us + 300 * SECOND_US
    )


def test_an_event_without_an_id_is_named_by_where_it_was_read() -> None:
    assert read(an_identify(messageId=OMITTED)).changes[0].message_id == "segment.events-3-41"


@pytest.mark.parametrize("message_id", ["m" * 65, "m" * 500_000, "\U0001f600" * 20, "\ud800"])
def test_a_message_id_too_large_to_remember_for_every_member_is_known_by_its_digest(
    message_id: str,
) -> None:
    first, again = (read(an_identify(messageId=message_id)).changes[0] for _ in range(2))
    other = read(an_identify(messageId=message_id + "x")).changes[0]

    assert first.message_id == again.message_id != other.message_id
    assert len(first.message_id) == 64
    assert first.message_id.isascii()


def test_a_message_id_of_64_characters_is_kept_as_it_is() -> None:
    assert read(an_identify(messageId="m" * 64)).changes[0].message_id == "m" * 64
