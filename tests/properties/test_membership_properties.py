import dataclasses
import itertools

from hypothesis import given
from hypothesis import strategies as st

from consumer.audience.membership import Action, is_audience_name
from consumer.record import IgnoreReason, Rejected
from consumer.segment.event import SegmentEvent, event_from
from consumer.segment.membership_rules import MembershipPolicy, Origin, read_changes
from tests.properties.effort import effort
from tests.segment_events import (
    EMAIL,
    KEY,
    Fields,
    a_plain_call,
    a_policy,
    a_track,
    an_identify,
    every_audience,
    personas,
)

PRECEDENCE = list(IgnoreReason)
ORIGIN = Origin("events-0", 7, 1_772_000_000_000_000)
CALLS = ["identify", "track", "page", "screen", "group", "alias", "delete"]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from([KEY, EMAIL, "audience", "journey_step", "email", "ios", "true", "false"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
VALUES: st.SearchStrategy[object] = (
    st.sampled_from([True, False, "true", "false", 1, 0, None, "", [], {}]) | JSON
)
PERSONAS = (
    st.none()
    | JSON
    | st.fixed_dictionaries(
        {},
        optional={
            "computation_class": st.sampled_from(["audience", "journey_step", "trait"]) | JSON,
            "computation_key": st.sampled_from([KEY, "other", "a/b"]) | JSON,
        },
    )
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "personas": PERSONAS,
        "traits": JSON | st.just({"email": EMAIL}),
        "consent": JSON
        | st.fixed_dictionaries(
            {"categoryPreferences": JSON | st.dictionaries(st.just("Advertising"), VALUES)}
        ),
        "externalIds": JSON
        | st.lists(st.fixed_dictionaries({"type": SCALARS, "id": SCALARS}), max_size=2),
        "device": JSON
        | st.fixed_dictionaries(
            {
                "type": SCALARS,
                "advertisingId": SCALARS | st.uuids().map(str),
                "adTrackingEnabled": VALUES,
            }
        ),
    },
)
CONTENTS = st.dictionaries(
    st.sampled_from([KEY, "other", "audience_key", "email", "ios_idfa", "android_idfa"]),
    VALUES | st.just(EMAIL),
)
INTEGRATIONS = st.dictionaries(
    st.sampled_from(["All", "LiveIntent Audiences", "Kafka", "kafka"]), VALUES
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(CALLS)},
    optional={
        "messageId": SCALARS,
        "event": SCALARS,
        "traits": CONTENTS,
        "properties": CONTENTS,
        "context": CONTEXTS,
        "integrations": INTEGRATIONS,
        "timestamp": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
        "receivedAt": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    },
)
POLICIES = st.builds(
    a_policy,
    st.sampled_from([KEY, "other"]),
    every_audience=st.booleans(),
    consent_categories=st.sampled_from([(), ("Advertising",)]),
    string_booleans=st.booleans(),
    valueless_journey_steps=st.booleans(),
)


@effort(examples=400)
@given(EVENTS, POLICIES)
def test_no_event_whatever_crashes_and_every_reading_is_whole(
    fields: Fields, policy: MembershipPolicy
) -> None:
    event = event_from(fields)
    assert isinstance(event, SegmentEvent)

    reading = read_changes(event, policy, ORIGIN)

    if isinstance(reading, Rejected):
        assert reading.detail
        return
    assert reading.changes or reading.ignored or reading.withdrawal
    assert list(reading.ignored) == sorted(reading.ignored, key=PRECEDENCE.index)
    assert all(change.action is Action.ADD for change in reading.withheld)
    every = (*reading.changes, *reading.withheld)
    assert all(is_audience_name(change.audience) for change in every)
    told = [(change.audience, change.action, change.identifier) for change in every]
    assert len(set(told)) == len(told)
    assert not any(EMAIL in value for change in every for value in change.identifier.values)
    assert EMAIL not in repr(dataclasses.replace(reading, changes=(), withheld=()))


@given(VALUES, st.sampled_from([an_identify, a_track]), st.booleans())
def test_only_exactly_true_adds_and_only_exactly_false_removes(
    value: object, call: type, valueless: bool
) -> None:
    event = event_from(call(value=value))
    assert isinstance(event, SegmentEvent)

    reading = read_changes(event, a_policy(valueless_journey_steps=valueless), ORIGIN)

    assert not isinstance(reading, Rejected)
    wanted = {id(True): [Action.ADD], id(False): [Action.REMOVE]}.get(id(value), [])
    assert [change.action for change in reading.changes] == wanted


@given(JSON, JSON, st.booleans())
def test_neither_consent_nor_an_opt_out_ever_stops_a_removal(
    consent: object, preferences: object, opted_out: bool
) -> None:
    for given_consent in (consent, {"categoryPreferences": preferences}):
        event = event_from(
            an_identify(
                value=False,
                context={"personas": personas(), "consent": given_consent},
                integrations={"LiveIntent Audiences": not opted_out},
            )
        )
        assert isinstance(event, SegmentEvent)

        reading = read_changes(event, a_policy(consent_categories=["Advertising"]), ORIGIN)

        assert not isinstance(reading, Rejected)
        assert [change.action for change in reading.changes] == [Action.REMOVE]


@given(CONTENTS, st.sampled_from(["identify", "track"]))
def test_without_personas_a_star_alone_changes_nothing(contents: Fields, call: str) -> None:
    event = event_from(a_plain_call(call, traits=contents, properties=contents))
    assert isinstance(event, SegmentEvent)

    reading = read_changes(event, every_audience(), ORIGIN)

    assert not isinstance(reading, Rejected)
    assert reading.changes == ()


INSTANTS = st.none() | st.integers(min_value=0, max_value=4 * 10**15)


@given(INSTANTS, INSTANTS, INSTANTS)
def test_no_clock_puts_an_event_further_ahead_of_its_receipt_than_the_skew(
    timestamp_us: int | None, received_us: int | None, record_us: int | None
) -> None:
    event = event_from(an_identify(timestamp=None, receivedAt=None))
    assert isinstance(event, SegmentEvent)
    event = dataclasses.replace(event, timestamp_us=timestamp_us, received_us=received_us)

    reading = read_changes(event, a_policy(), Origin("events-0", 7, record_us))

    assert not isinstance(reading, Rejected)
    version = reading.changes[0].version
    clocks = [time_us for time_us in (received_us, record_us) if time_us is not None]
    if clocks:
        assert version.event_us <= clocks[0] + 300_000_000
    known = list(
        itertools.chain(clocks, (time_us for time_us in (timestamp_us,) if time_us is not None))
    )
    assert version.received_us in (known or [0])
