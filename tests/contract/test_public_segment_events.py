"""The forty kinds of events a Segment destination has to get right, each with the outcome it must have.

The events here are our own. When the reference samples stand beside the checkout, they are held to the same outcomes.
Duplicates and replays are changes at this stage: who has been here before is for the latest-state guard to know.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from consumer.audience.membership import Action, AudienceKey, Identifier, IdentifierType
from consumer.record import IgnoreReason, RejectReason
from consumer.segment.membership_rules import MembershipPolicy, Note
from tests.segment_events import (
    OMITTED,
    Fields,
    a_plain_call,
    a_track,
    an_identify,
    hashes_of,
    personas,
    read,
    rejected_as,
)

SAMPLES = Path(__file__).parents[2].parent / "shared" / "reference" / "segment-events"

BUYERS = "winter_coat_buyers"
GOLD = "gold_tier"
DIGEST = "digest_readers"
NUMERIC = "7_day_visitors"
ACCOUNTS = "agency_accounts"
JOURNEY = "j_o_cart_left__mail_seen_p4t8z"
STEP = "win_back__show_banner_m3r6k"
SHA256 = "f6c62fe788b7af2f7f209607553e736261af6fa659f565d6eb281aecb90daa75"
IDFA = "9A8B7C6D-5E4F-4A3B-8C2D-1E0F9A8B7C6D"
OURS = {"All": False, "LiveIntent Audiences": True}
REFUSED = {"categoryPreferences": {"Functional": True, "Advertising": False}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of event: ours, and what becomes of it and of its sample."""

    event: Fields
    outcome: Action | IgnoreReason | RejectReason
    audience: str = ""
    member: str = ""
    """An email, a hash of one, or an advertising id of an iPhone."""
    when_lenient: Action | None = None
    """The outcome when text booleans and journey steps without a value count."""
    notes: tuple[Note, ...] = ()


def step(key: str = STEP) -> Fields:
    return {"personas": personas(key, "journey_step", event_emitter_id="emt_4")}


def computed(key: str, computation_class: str) -> Fields:
    return {"personas": personas(key, computation_class)}


def enters(key: str, email: object, **fields: object) -> Fields:
    context = fields.pop("context", None)
    return an_identify(
        key=key,
        email=email,
        context={"personas": personas(key), **(context if isinstance(context, Mapping) else {})},
        **fields,  # type: ignore[arg-type]
    )


KINDS: dict[int, Kind] = {
    1: Kind(
        event=enters(BUYERS, "lena.orth@mail.example"),
        outcome=Action.ADD,
        audience=BUYERS,
        member="lena.orth@mail.example",
    ),
    2: Kind(
        event=enters(
            BUYERS, "lena.orth@mail.example", value=False, timestamp="2026-02-25T06:00:00Z"
        ),
        outcome=Action.REMOVE,
        audience=BUYERS,
        member="lena.orth@mail.example",
    ),
    3: Kind(
        event=a_track(key=GOLD, email="pavel@mail.example"),
        outcome=Action.ADD,
        audience=GOLD,
        member="pavel@mail.example",
    ),
    4: Kind(
        event=a_track(key=GOLD, email="pavel@mail.example", value=False, event="Audience Exited"),
        outcome=Action.REMOVE,
        audience=GOLD,
        member="pavel@mail.example",
    ),
    5: Kind(
        event=enters(
            BUYERS,
            OMITTED,
            context={"__segment_internal": {"creator": "sync-worker"}},
            receivedAt="2026-03-02T10:00:00Z",
        ),
        outcome=IgnoreReason.NO_IDENTIFIER,
    ),
    6: Kind(
        event=a_track(key=GOLD, email="noor@mail.example", value=False, event="Gold No More"),
        outcome=Action.REMOVE,
        audience=GOLD,
        member="noor@mail.example",
    ),
    7: Kind(
        event=a_track(key=GOLD, email="ulf@mail.example", value=False, event="Audience Entered"),
        outcome=Action.REMOVE,
        audience=GOLD,
        member="ulf@mail.example",
        notes=(Note.EVENT_NAME_MISMATCH,),
    ),
    8: Kind(
        event=enters(
            GOLD,
            "tess@mail.example",
            traits={
                "last_name": "Vogt",
                "wants_calls": True,
                "avg_basket": 77.1,
                "tags": ["a", "b"],
                "home": {"zip": "0150"},
            },
        ),
        outcome=Action.ADD,
        audience=GOLD,
        member="tess@mail.example",
    ),
    9: Kind(
        event=enters(GOLD, "finn@mail.example", integrations={"All": False, "Kafka": True}),
        outcome=Action.ADD,
        audience=GOLD,
        member="finn@mail.example",
    ),
    10: Kind(
        event=an_identify(key="owns_a_car", context=computed("owns_a_car", "computed_trait")),
        outcome=IgnoreReason.NOT_AN_AUDIENCE,
    ),
    11: Kind(
        event=a_track(
            key="best_aisle",
            value="garden",
            event="Trait Computed",
            context=computed("best_aisle", "trait"),
        ),
        outcome=IgnoreReason.NOT_AN_AUDIENCE,
    ),
    12: Kind(
        event=enters(JOURNEY, "rosa@mail.example", value="true"),
        outcome=IgnoreReason.BAD_MEMBERSHIP,
        audience=JOURNEY,
        member="rosa@mail.example",
        when_lenient=Action.ADD,
    ),
    13: Kind(
        event=a_track(
            key=JOURNEY,
            email="rosa@mail.example",
            value="true",
            properties={"audience_key": OMITTED},
        ),
        outcome=IgnoreReason.BAD_MEMBERSHIP,
        audience=JOURNEY,
        member="rosa@mail.example",
        when_lenient=Action.ADD,
    ),
    14: Kind(
        event=a_track(
            key=STEP,
            email="otto@mail.example",
            value=OMITTED,
            event="Journey Step Entered",
            properties={"audience_key": OMITTED, "journey_metadata": {"epoch_id": "e1"}},
            context=step(),
        ),
        outcome=IgnoreReason.NO_MEMBERSHIP,
        audience=STEP,
        member="otto@mail.example",
        when_lenient=Action.ADD,
    ),
    15: Kind(
        event=a_track(
            key=STEP,
            email="otto@mail.example",
            value=False,
            event="Journey Step Exited",
            context=step(),
        ),
        outcome=Action.REMOVE,
        audience=STEP,
        member="otto@mail.example",
    ),
    16: Kind(
        event=enters(DIGEST, "gail@mail.example", messageId="personas_first"),
        outcome=Action.ADD,
        audience=DIGEST,
        member="gail@mail.example",
    ),
    17: Kind(
        event=enters(DIGEST, "gail@office.example", messageId="personas_second"),
        outcome=Action.ADD,
        audience=DIGEST,
        member="gail@office.example",
    ),
    18: Kind(
        event=enters(DIGEST, OMITTED, userId=OMITTED, anonymousId="b5d0"),
        outcome=IgnoreReason.NO_IDENTIFIER,
    ),
    19: Kind(
        event=a_track(
            key=GOLD,
            email=OMITTED,
            context={"device": {"type": "ios", "advertisingId": IDFA, "adTrackingEnabled": True}},
        ),
        outcome=Action.ADD,
        audience=GOLD,
        member=IDFA,
    ),
    20: Kind(
        event=a_plain_call(
            "group",
            groupId="acme",
            traits={ACCOUNTS: True, "name": "Acme", "email": "office@acme.example"},
            context={"personas": personas(ACCOUNTS)},
            integrations=OURS,
        ),
        outcome=IgnoreReason.GROUP_LEVEL,
    ),
    21: Kind(
        event=enters(ACCOUNTS, "cleo@acme.example"),
        outcome=Action.ADD,
        audience=ACCOUNTS,
        member="cleo@acme.example",
    ),
    22: Kind(
        event=enters(NUMERIC, "hugo@mail.example"),
        outcome=Action.ADD,
        audience=NUMERIC,
        member="hugo@mail.example",
    ),
    23: Kind(
        event=a_track(
            key=GOLD,
            email="iris@mail.example",
            context={
                "personas": personas(
                    GOLD,
                    external_audience_id="remote-5",
                    audience_settings={"market": "FR"},
                    computation_run_id="run_1",
                )
            },
        ),
        outcome=Action.ADD,
        audience=GOLD,
        member="iris@mail.example",
    ),
    24: Kind(
        event=enters(BUYERS, "\t Jon.Dahl+Coats@MAIL.example\u00a0"),
        outcome=Action.ADD,
        audience=BUYERS,
        member="jon.dahl+coats@mail.example",
    ),
    25: Kind(
        event=enters(BUYERS, SHA256.upper()),
        outcome=Action.ADD,
        audience=BUYERS,
        member=SHA256,
    ),
    26: Kind(
        event=enters(BUYERS, "lena.orth@mail.example", receivedAt="2026-03-02T08:16:00Z"),
        outcome=Action.ADD,
        audience=BUYERS,
        member="lena.orth@mail.example",
    ),
    27: Kind(
        event=enters(
            BUYERS,
            "lena.orth@mail.example",
            messageId="personas_old",
            timestamp="2025-11-30T00:00:00Z",
            receivedAt="2025-11-30T00:00:03Z",
        ),
        outcome=Action.ADD,
        audience=BUYERS,
        member="lena.orth@mail.example",
    ),
    28: Kind(
        event=a_plain_call(
            "identify",
            traits={"email": "vera@mail.example", GOLD: True},
            timestamp="2033-01-01T00:00:00Z",
        ),
        outcome=Action.ADD,
        audience=GOLD,
        member="vera@mail.example",
        notes=(Note.CLOCK_CLAMPED,),
    ),
    29: Kind(
        event=enters(BUYERS, "yuri@mail.example", integrations={"All": False, "Mixpanel": True}),
        outcome=IgnoreReason.NOT_ADDRESSED,
    ),
    30: Kind(
        event=a_plain_call(
            "identify",
            traits={"email": "wim@mail.example", BUYERS: True},
            integrations={"All": True, "LiveIntent Audiences": False},
        ),
        outcome=IgnoreReason.OPTED_OUT,
    ),
    31: Kind(
        event=enters(
            BUYERS,
            "xena@mail.example",
            integrations={"All": False, "LiveIntent Audiences": {"folder": 3}},
        ),
        outcome=Action.ADD,
        audience=BUYERS,
        member="xena@mail.example",
    ),
    32: Kind(
        event=enters(
            BUYERS,
            "yves@mail.example",
            integrations={"All": False, "LIVEINTENT AUDIENCES": True},
        ),
        outcome=IgnoreReason.NOT_ADDRESSED,
        notes=(Note.INTEGRATION_CASE_NEAR_MISS,),
    ),
    33: Kind(
        event=enters(BUYERS, "zara@mail.example", context={"consent": REFUSED}),
        outcome=IgnoreReason.NO_CONSENT,
    ),
    34: Kind(
        event=enters(BUYERS, "abel@mail.example", context={"consent": {"categoryPreferences": {}}}),
        outcome=IgnoreReason.NO_CONSENT,
    ),
    35: Kind(
        event=a_plain_call(
            "track",
            event="Segment Consent Preference Updated",
            properties={},
            context={"consent": REFUSED},
        ),
        outcome=IgnoreReason.NOT_AN_AUDIENCE,
    ),
    36: Kind(
        event=a_plain_call(
            "track",
            event="Product Added",
            properties={"price": 5, "voucher": None, "items": [{"sku": "b-2"}]},
            context={"traits": {"email": "lena.orth@mail.example"}},
        ),
        outcome=IgnoreReason.NOT_AN_AUDIENCE,
    ),
    37: Kind(
        event=a_plain_call("screen", name="Basket", properties={"tab": "all"}, version="2.0"),
        outcome=IgnoreReason.NOT_AN_AUDIENCE,
    ),
    38: Kind(
        event=enters(GOLD, "bram@mail.example", value="false"),
        outcome=IgnoreReason.BAD_MEMBERSHIP,
        audience=GOLD,
        member="bram@mail.example",
        when_lenient=Action.REMOVE,
    ),
    39: Kind(
        event=a_plain_call("alias", previousId="anon-9"),
        outcome=IgnoreReason.UNSUPPORTED_TYPE,
    ),
    40: Kind(
        event=a_plain_call(
            "delete", messageId="delete-77", context=[], integrations=[], channel="server"
        ),
        outcome=RejectReason.UNUSABLE_DELETION,
    ),
}


def a_policy(audiences: Iterator[str] | list[str], *, is_lenient: bool) -> MembershipPolicy:
    return MembershipPolicy(
        audiences=frozenset(AudienceKey(name) for name in audiences),
        every_audience=False,
        consent_categories=frozenset({"Advertising"}),
        string_booleans=is_lenient,
        valueless_journey_steps=is_lenient,
    )


def identifier(member: str) -> Identifier:
    if member == IDFA:
        return Identifier(IdentifierType.IDFA, (member,))
    values = hashes_of(member) if "@" in member else (member,)
    return Identifier(IdentifierType.EMAIL_HASH, values)


def test_there_are_forty_kinds() -> None:
    assert list(KINDS) == list(range(1, 41))


@pytest.mark.parametrize("is_lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize("number", list(KINDS))
def test_every_kind_of_event_has_its_outcome(number: int, is_lenient: bool) -> None:
    kind = KINDS[number]
    outcome = (is_lenient and kind.when_lenient) or kind.outcome
    audiences = [BUYERS, GOLD, DIGEST, NUMERIC, ACCOUNTS, JOURNEY, STEP, "owns_a_car"]

    policy = a_policy(audiences, is_lenient=is_lenient)
    if isinstance(outcome, RejectReason):
        assert rejected_as(kind.event, policy) is outcome
        return
    reading = read(kind.event, policy)

    assert reading.notes == kind.notes
    if isinstance(outcome, IgnoreReason):
        assert (reading.changes, reading.ignored) == ((), (outcome,))
        return
    assert [(change.audience, change.action) for change in reading.changes] == [
        (kind.audience, outcome)
    ]
    assert reading.changes[0].identifier == identifier(kind.member)


def samples() -> list[tuple[int, Fields]]:
    return [
        (int(path.name[:2]), json.loads(path.read_bytes()))
        for path in sorted(SAMPLES.glob("[0-9][0-9]-*.json"))
    ]


def test_the_reference_samples_have_the_outcomes_of_their_kinds() -> None:
    found = samples()
    if not found:
        print(f"Not compared with the reference samples: there are none in {SAMPLES.name}/.")
        return
    audiences = [
        str(key)
        for _, fields in found
        if (key := _at(fields, "context", "personas", "computation_key"))
    ]
    assert [number for number, _ in found] == list(KINDS)
    for number, fields in found:
        for is_lenient in (False, True):
            kind = KINDS[number]
            outcome = (is_lenient and kind.when_lenient) or kind.outcome

            policy = a_policy(audiences, is_lenient=is_lenient)
            if isinstance(outcome, RejectReason):
                assert rejected_as(fields, policy) is outcome
                continue
            reading = read(fields, policy)

            told = {str(change.action) for change in reading.changes} | set(reading.ignored)
            assert (number, told, reading.notes) == (number, {outcome}, kind.notes)
            assert {change.identifier for change in reading.changes} <= {_person(fields)}


def _person(fields: Fields) -> Identifier | None:
    """Whom a sample is about, read by the simplest rule that fits them all."""
    email = _at(fields, "traits", "email") or _at(fields, "context", "traits", "email")
    if isinstance(email, str):
        return identifier(email.strip().lower())
    advertising_id = _at(fields, "context", "device", "advertisingId")
    if isinstance(advertising_id, str):
        return Identifier(IdentifierType.IDFA, (advertising_id,))
    return None


def _at(fields: object, *names: str) -> object:
    for name in names:
        fields = fields.get(name) if isinstance(fields, Mapping) else None
    return fields
