"""The settings in the words of the parts they are for."""

from consumer.audience.membership import AudienceKey, IdentifierType
from consumer.liveintent.policies import (
    LOOKS_SHARE,
    DirectoryPolicy,
    Spelling,
    UploadPolicy,
    UploadTimes,
    settle_waits,
)
from consumer.liveintent.privacy_request import PrivacyScope, PrivacyTerms
from consumer.segment.membership_policy import MembershipPolicy
from consumer.service.replay_assembly import requests_per_second
from consumer.settings import LiveIntentSettings, MembershipSettings, PrivacySettings, Settings


def policy_from(settings: MembershipSettings) -> MembershipPolicy:
    """What the customer decided about audiences, as the rules want it."""
    return MembershipPolicy(
        audiences=frozenset(AudienceKey(name) for name in settings.listed_audiences),
        every_audience=settings.serves_every_audience,
        name_prefix=settings.liveintent_audience_name_prefix,
        name_max=settings.liveintent_audience_name_max,
        integration_names=frozenset(settings.segment_integration_names),
        consent_categories=frozenset(settings.segment_consent_categories),
        string_booleans=settings.membership_string_booleans,
        valueless_journey_steps=settings.membership_valueless_journey_steps,
        on_deletion=settings.segment_deletions,
        email_hashes=settings.email_hashes,
        identifier_types=frozenset(settings.liveintent_identifier_types),
        removes_old_email=settings.membership_remove_old_email,
    )


def directory_policy(settings: Settings) -> DirectoryPolicy:
    """How a name becomes an audience id."""
    return DirectoryPolicy(
        auto_create=settings.liveintent_auto_create,
        on_archived=settings.liveintent_on_archived,
        on_deleted=settings.liveintent_on_deleted,
        audience_lookup=settings.liveintent_audience_lookup,
        name_prefix=settings.liveintent_audience_name_prefix,
        name_max=settings.liveintent_audience_name_max,
        audience_ids={
            AudienceKey(name): audience
            for name, audience in settings.liveintent_audience_ids.items()
        },
        recheck_seconds=settings.liveintent_audience_recheck_seconds,
        settle_waits_seconds=settle_waits(settings.liveintent_create_settle_seconds),
    )


def upload_policy(settings: Settings) -> UploadPolicy:
    """How a batch becomes uploads."""
    return UploadPolicy(
        times=UploadTimes(
            poll_initial_seconds=settings.upload_poll_seconds,
            poll_max_seconds=settings.upload_poll_max_seconds,
            list_deadline_seconds=settings.upload_list_deadline_seconds,
            finish_deadline_seconds=settings.upload_finish_deadline_seconds,
            signed_url_max_age_seconds=settings.upload_url_max_age_seconds,
            error_attempts=settings.upload_error_attempts,
        ),
        spelling=spelling(settings),
        max_rows_per_upload=settings.liveintent_max_rows_per_upload,
        max_bytes_per_upload=settings.liveintent_max_bytes_per_upload,
        looks_per_second=LOOKS_SHARE * requests_per_second(settings),
    )


def spelling(settings: LiveIntentSettings) -> Spelling:
    """LiveIntent's words for ours."""
    return Spelling(
        action_add=settings.liveintent_action_add,
        action_remove=settings.liveintent_action_remove,
        device_cases={
            IdentifierType.AAID: settings.liveintent_aaid_case,
            IdentifierType.IDFA: settings.liveintent_idfa_case,
        },
        upload_name_prefix=settings.upload_name_prefix,
        upload_name_extension=settings.upload_name_extension,
        compression=settings.upload_compression,
    )


def privacy_terms(settings: PrivacySettings) -> PrivacyTerms:
    """What every privacy request says besides its person."""
    scope = settings.privacy_scope
    return PrivacyTerms(
        scope=None if scope is None else PrivacyScope.of(scope),
        jurisdiction=settings.privacy_jurisdiction,
    )


def stalled_after_seconds(settings: Settings) -> float:
    """How long a partition with something to do may stand still.

    A change may wait for the flush before its own as well as for its own, and each for LiveIntent; a file LiveIntent has
    not listed by then is sent again, which is the first sign that something is wrong.
    """
    if settings.stalled_after_seconds is not None:
        return settings.stalled_after_seconds
    return 2 * settings.flush_seconds + settings.upload_list_deadline_seconds
