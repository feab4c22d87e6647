"""Points of docs/decisions/0009-liveintent-points.md that no other test makes."""

import dataclasses

from consumer.choices import MetadataEncoding, UploadCompression
from consumer.liveintent.policies import LiveIntentLimits, Spelling, UploadPolicy, UploadTimes
from consumer.liveintent.uploader import Finished
from consumer.record import RejectReason
from consumer.settings import load_settings
from tests.contract.liveintent_client import ADD, REMOVE, a_rig, hashes
from tests.kafka_cluster import KafkaCluster
from tests.scenarios.events import emails, enters
from tests.scenarios.harness import running_service
from tests.unit.settings_builders import COMPLETE


async def test_every_file_has_a_url_of_its_own_and_asks_for_no_mail() -> None:
    async with a_rig() as rig:
        await rig.send({REMOVE: hashes(1), ADD: hashes(2)})

        minted = rig.sandbox._state.uploads._signed_urls.values()
        assert [url.used for url in minted] == [True, True]
        assert [url.request.notification_email for url in minted] == [None, None]


async def test_no_action_but_add_and_remove_is_ever_asked_for() -> None:
    async with a_rig() as rig:
        result = await rig.send({ADD: hashes(3), REMOVE: hashes(1, of="others")})

        assert result == Finished()
        assert {upload.action for upload in rig.sandbox.uploads()} == {"ADD", "REMOVE"}


async def test_an_unknown_audience_goes_to_the_dead_letters_where_none_is_to_be_created(
    kafka_cluster: KafkaCluster,
) -> None:
    async with running_service(kafka_cluster, LIVEINTENT_AUTO_CREATE="false") as (world, service):
        await world.produce(map(enters, emails(3)))
        await world.all_committed(3)

        assert service.books.dead_lettered == {RejectReason.AUDIENCE_REFUSED: 3}
        assert world.liveintent.audiences() == []


def test_what_liveintent_does_not_publish_is_a_setting_with_a_careful_default() -> None:
    settings = load_settings(COMPLETE)
    times, limits = UploadTimes(), LiveIntentLimits()

    assert (settings.upload_poll_seconds, settings.upload_poll_max_seconds) == (15, 300)
    assert settings.upload_list_deadline_seconds == times.list_deadline_seconds == 15 * 60
    assert settings.upload_finish_deadline_seconds == times.finish_deadline_seconds == 6 * 3600
    assert settings.upload_url_max_age_seconds == times.signed_url_max_age_seconds == 300
    assert (settings.liveintent_requests_per_second, settings.liveintent_concurrency) == (2, 2)
    assert settings.liveintent_page_size == limits.page_size == 30
    assert settings.liveintent_max_rows_per_upload == UploadPolicy().max_rows_per_upload == 500_000
    assert (settings.liveintent_action_add, settings.liveintent_action_remove) == ("ADD", "REMOVE")
    assert (settings.upload_content_type, settings.upload_headers) == (None, {})
    assert settings.upload_compression is Spelling().compression is UploadCompression.NONE
    assert settings.liveintent_metadata_encoding is MetadataEncoding.NONE


def test_the_defaults_of_the_parts_are_those_of_the_settings() -> None:
    settings = load_settings(COMPLETE)
    told = {
        "poll_initial_seconds": settings.upload_poll_seconds,
        "poll_max_seconds": settings.upload_poll_max_seconds,
        "error_attempts": settings.upload_error_attempts,
    }
    ours = dataclasses.asdict(UploadTimes())

    assert {name: ours[name] for name in told} == told
