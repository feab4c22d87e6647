"""Why nothing happened, in words: the one place for them, so that `explain`, the status page and the docs agree."""

from collections.abc import Mapping
from types import MappingProxyType

from consumer.record import IgnoreReason, RejectReason
from consumer.segment.membership_rules import Note

WHY_IGNORED: Mapping[IgnoreReason, str] = MappingProxyType(
    {
        IgnoreReason.UNSUPPORTED_TYPE: "Alias calls merge ids; they say nothing of audiences.",
        IgnoreReason.GROUP_LEVEL: (
            "It puts an account, not a person, into the audience. The people of the account have events of their own."
        ),
        IgnoreReason.NOT_AN_AUDIENCE: (
            "It is not about an audience, but an ordinary call or a computed trait; or it comes without Engage's personas and "
            "names nothing that LIVEINTENT_AUDIENCES lists. Where direct calls are on, an ordinary call has the reason why it "
            "is not forwarded instead."
        ),
        IgnoreReason.AUDIENCE_NOT_CONFIGURED: (
            "Its audience is not listed in LIVEINTENT_AUDIENCES. Keys are compared exactly, case included."
        ),
        IgnoreReason.NO_MEMBERSHIP: (
            "It names an audience and does not say whether the person is in it: there is nothing under the audience's key. "
            "For journey steps without a value there is MEMBERSHIP_VALUELESS_JOURNEY_STEPS."
        ),
        IgnoreReason.BAD_MEMBERSHIP: (
            "What it says under the audience's key is not a real true or false. "
            'For the texts "true" and "false" there is MEMBERSHIP_STRING_BOOLEANS.'
        ),
        IgnoreReason.NOT_ADDRESSED: (
            "It is for other destinations: its integrations switch All off and none of our names on "
            "(SEGMENT_INTEGRATION_NAMES, case included)."
        ),
        IgnoreReason.OPTED_OUT: (
            "Its integrations switch LiveIntent Audiences off, so nobody is added and nothing forwarded. Removals still go out."
        ),
        IgnoreReason.NO_CONSENT: (
            "The person has not agreed to every consent category in SEGMENT_CONSENT_CATEGORIES (or, for a direct call, GDPR may "
            "apply, the sale of data was refused, or the device limits tracking), so is not added, and nothing is forwarded. "
            "Removals still go out."
        ),
        IgnoreReason.NO_IDENTIFIER: (
            "It carries nothing LiveIntent could find the person by: no usable email or hash of one, and no advertising id "
            "(or one whose owner limits tracking, for an addition)."
        ),
        IgnoreReason.DUPLICATE: "An event with this message id was delivered before.",
        IgnoreReason.STALE: "A newer event for the same person and audience was delivered before.",
        IgnoreReason.TOMBSTONE: "It is empty: Kafka's mark for a deleted record.",
        IgnoreReason.DELETION: (
            "It asks to erase a user, and nothing is sent: it carries no email, hash or advertising id to find the person by "
            "(SEGMENT_DELETIONS=remove has such ignored), or deletions are to be ignored, or no audience is known yet."
        ),
        IgnoreReason.DIRECT_CALL_OFF: (
            "It could be forwarded as a direct call, but calls of its type are not (DIRECT_CALLS), or what its row of the event "
            "map names is switched off (DIRECT_CALL_SINK)."
        ),
        IgnoreReason.DIRECT_CALL_UNMAPPED: (
            "It is forwarded nowhere: the event map (DIRECT_CALL_EVENT_MAP) has no row for it. Names of track events are "
            "compared exactly."
        ),
        IgnoreReason.TOO_OLD: (
            "It happened too long ago to be forwarded as a direct call (DIRECT_CALL_MAX_AGE_SECONDS): LiveIntent would take it "
            "for new."
        ),
        IgnoreReason.NOT_REPLAYED: (
            "Read by a replay beside the live group, which sends only members it has sent before there; the live group delivers it."
        ),
        IgnoreReason.ROW_DELETED: (
            "It is a database's change event and says that a row was deleted (its mapping has envelope = change-event): no call "
            "of Segment's, and so nobody is removed for it."
        ),
        IgnoreReason.NOBODY_TO_REMOVE: (
            "It only removes, and LiveIntent has no such audience: nobody is in it, and none is created for that."
        ),
    }
)

WHY_REJECTED: Mapping[RejectReason, str] = MappingProxyType(
    {
        RejectReason.UNDECODABLE: "Its bytes cannot be read in the configured format.",
        RejectReason.UNKNOWN_SCHEMA: "It names a schema that the schema registry does not have.",
        RejectReason.REFUSED_SCHEMA: "Its schema cannot be used: broken, or not the schema of a Segment event.",
        RejectReason.TOO_LARGE: "It is larger than an event is allowed to be.",
        RejectReason.INVALID_EVENT: "It can be read, and is not a Segment event.",
        RejectReason.INVALID_AUDIENCE_NAME: "LiveIntent could not take its audience's key as a name.",
        RejectReason.AUDIENCE_REFUSED: "LiveIntent refuses its audience: archived, deleted, or not to be created.",
        RejectReason.DIRECT_CALL_REFUSED: "LiveIntent refused the direct call that was made of it.",
        RejectReason.UPLOAD_REFUSED: "LiveIntent refused the upload it was part of, or failed it too often.",
        RejectReason.UNUSABLE_DELETION: (
            "It asks to erase a user, and carries no email, hash or advertising id to find the person by. Somebody must erase "
            "that person at LiveIntent by hand."
        ),
        RejectReason.PRIVACY_REFUSED: "LiveIntent's Privacy API refused the request that was made for it.",
    }
)

NOTED: Mapping[Note, str] = MappingProxyType(
    {
        Note.EVENT_NAME_MISMATCH: "The event's name says the opposite; the true or false under the audience's key decides.",
        Note.INTEGRATION_CASE_NEAR_MISS: "A name in its integrations is like one of ours, in the wrong case.",
        Note.CLOCK_CLAMPED: "It is dated long after Segment received it; it counts as of its receipt.",
        Note.EMAIL_CHANGED: "It brings another email than it shows the person to have had; that one is removed.",
    }
)


def in_words(reason: IgnoreReason | RejectReason) -> str:
    """Return the sentence for a reason."""
    return WHY_IGNORED[reason] if isinstance(reason, IgnoreReason) else WHY_REJECTED[reason]
