"""Whether an event is for us, and whether its person agreed: Segment's `integrations` and `consent`.

Segment enforces both for the destination that wrote the event to Kafka, not for LiveIntent behind it, so they are enforced
here again (sources: Segment's pages on the integrations object and on consent in connections).
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import cache

DESTINATION = "LiveIntent Audiences"
"""Our name in Segment's catalogue, and so in `integrations`."""

_DEFAULT = "All"


class Addressing(StrEnum):
    """What `integrations` says of us."""

    ADDRESSED = "addressed"
    """The event is ours."""
    OPTED_OUT = "opted_out"
    """Ours, but switched off for us by name: nobody may be added; whoever leaves still leaves."""
    NOT_ADDRESSED = "not_addressed"
    """For other destinations only: none of our business, in either direction."""


def addressing_of(
    integrations: Mapping[str, object], accepted_names: Collection[str]
) -> Addressing:
    """Return what the `integrations` object says of a destination that answers to `accepted_names`.

    Names are compared exactly, as Segment does. true, or an object of options, switches a name on; only a real false
    switches one off; names that are not there follow `All`, which is on unless it is false.
    """
    if integrations.get(_DEFAULT) is False and not any(
        _is_on(integrations.get(name)) for name in accepted_names
    ):
        return Addressing.NOT_ADDRESSED
    if integrations.get(DESTINATION) is False:
        return Addressing.OPTED_OUT
    return Addressing.ADDRESSED


def has_near_miss(integrations: Mapping[str, object], accepted_names: frozenset[str]) -> bool:
    """Tell whether a name differs from one of ours, or from `All`, in nothing but case or outer space."""
    known = _known(accepted_names)
    if known.issuperset(integrations):
        return False
    folded = {name.casefold() for name in known}
    return any(name.strip().casefold() in folded for name in integrations.keys() - known)


@cache
def _known(accepted_names: frozenset[str]) -> frozenset[str]:
    return accepted_names | {DESTINATION, _DEFAULT}


def has_consent(consent: object, categories: Collection[str]) -> bool:
    """Tell whether `context.consent` lets this person be added, for a destination in all of `categories`.

    No categories, and no consent object (absent, null or empty), mean that consent is not enforced. Otherwise every
    category has to be exactly true: one that is missing, or preferences that are empty, count as false.
    """
    if not categories or consent is None or consent in ({}, []):
        return True
    preferences = consent.get("categoryPreferences") if isinstance(consent, Mapping) else None
    if not isinstance(preferences, Mapping):
        return False
    return all(preferences.get(category) is True for category in categories)


def _is_on(value: object) -> bool:
    return value is True or isinstance(value, Mapping)
