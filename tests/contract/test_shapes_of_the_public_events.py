"""The forty kinds of events have the same outcomes in every shape that can carry what decides them.

What a shape cannot carry is listed here, event by event, with the reason and with what comes of it instead.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from consumer.audience.membership import Action
from consumer.record import IgnoreReason, Rejected
from consumer.segment.event import SegmentEvent
from consumer.segment.mapping.model import EventMapping
from consumer.segment.mapping.reading import load_mapping
from consumer.segment.membership_rules import MembershipPolicy, Reading, read_changes
from tests.contract.test_public_segment_events import (
    ACCOUNTS,
    BUYERS,
    DIGEST,
    GOLD,
    JOURNEY,
    KINDS,
    NUMERIC,
    STEP,
    a_policy,
    samples,
)
from tests.segment_events import ORIGIN, Fields, event_of
from tests.shapes import (
    Written,
    as_map_of_strings,
    as_map_of_unions,
    as_warehouse_row,
    warehouse_mapping,
)

OURS = [BUYERS, GOLD, DIGEST, NUMERIC, ACCOUNTS, JOURNEY, STEP, "owns_a_car"]
NO_TEXT_BESIDE_BOOLEANS = 'the shape cannot tell the text "true" from the boolean, and the policy takes both for the boolean'
NO_INTEGRATIONS = "warehouses have no integrations"
NO_EMPTY_PREFERENCES = "no columns of preferences look like no consent object at all"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a second hop writes events, and what it loses: the event, what is lost, and what comes of it."""

    write: Callable[[Fields], Written]
    mapping: Callable[[str], EventMapping]
    consent_category: str = "Advertising"
    losses: dict[int, tuple[str, Action | IgnoreReason]] = field(default_factory=dict)
    not_written: frozenset[int] = frozenset()


SHAPES = {
    "map of unions": Shape(as_map_of_unions, lambda _call: load_mapping("map-of-unions")),
    "map of strings": Shape(
        as_map_of_strings,
        lambda _call: load_mapping("map-of-strings"),
        losses={
            12: (NO_TEXT_BESIDE_BOOLEANS, Action.ADD),
            13: (NO_TEXT_BESIDE_BOOLEANS, Action.ADD),
            38: (NO_TEXT_BESIDE_BOOLEANS, Action.REMOVE),
        },
    ),
    "warehouse rows": Shape(
        as_warehouse_row,
        warehouse_mapping,
        # Column names are in snake case, and so must the setting be.
        consent_category="advertising",
        losses={
            29: (NO_INTEGRATIONS, Action.ADD),
            30: (NO_INTEGRATIONS, Action.ADD),
            32: (NO_INTEGRATIONS, Action.ADD),
            34: (NO_EMPTY_PREFERENCES, Action.ADD),
        },
        not_written=frozenset({40}),  # a deletion is no row: Segment deletes the person's rows
    ),
}


def outcomes(reading: Reading) -> set[Action | IgnoreReason]:
    return {change.action for change in reading.changes} | set(reading.ignored)


def policy(audiences: list[str], consent_category: str, *, is_lenient: bool) -> MembershipPolicy:
    strict = a_policy(audiences, is_lenient=is_lenient)
    return MembershipPolicy(
        audiences=strict.audiences,
        every_audience=False,
        consent_categories=frozenset({consent_category}),
        string_booleans=strict.string_booleans,
        valueless_journey_steps=strict.valueless_journey_steps,
    )


def assert_it_is_read_the_same(
    shape: Shape, number: int, fields: Fields, audiences: list[str], *, is_lenient: bool
) -> None:
    json_policy = policy(audiences, "Advertising", is_lenient=is_lenient)
    through_json = read_changes(event_of(fields), json_policy, ORIGIN)
    written = shape.write(fields)

    event = written.read(shape.mapping(str(fields["type"])), *audiences)

    assert isinstance(event, SegmentEvent)
    here = policy(audiences, shape.consent_category, is_lenient=is_lenient)
    reading = read_changes(event, here, ORIGIN)
    if number in shape.losses:
        assert not isinstance(reading, Rejected)
        assert outcomes(reading) == {shape.losses[number][1]}
    else:
        assert reading == through_json


@pytest.mark.parametrize("is_lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize(
    ("shape", "number"),
    [(name, n) for name, shape in SHAPES.items() for n in KINDS if n not in shape.not_written],
)
def test_every_kind_of_event_has_its_outcome_in_every_shape(
    shape: str, number: int, is_lenient: bool
) -> None:
    assert_it_is_read_the_same(
        SHAPES[shape], number, KINDS[number].event, OURS, is_lenient=is_lenient
    )


@pytest.mark.parametrize("shape", list(SHAPES))
def test_the_reference_samples_have_their_outcomes_in_every_shape(shape: str) -> None:
    found = samples()
    audiences = ["lapsed_buyers_90d", "vip_customers", "newsletter_lapsed", "30_day_active",
                 "software_accounts", "j_o_trial_started__opened_email_k2m9qa", "welcome_series__show_ad_q7x2d"]  # fmt: skip
    assert not found or len(found) == len(KINDS)
    for number, fields in found:
        if number not in SHAPES[shape].not_written:
            assert_it_is_read_the_same(SHAPES[shape], number, fields, audiences, is_lenient=False)
