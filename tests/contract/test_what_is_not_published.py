"""Settings for what LiveIntent does not publish, between our client and the stand-in."""

import pytest

from consumer.choices import MetadataEncoding, UploadCompression
from consumer.liveintent.audience_metadata import METADATA_KEY
from consumer.liveintent.policies import Spelling
from consumer.liveintent.uploader import Finished
from tests.contract.liveintent_client import ADD, KEY, REMOVE, a_rig, hashes


@pytest.mark.parametrize(
    ("compression", "ending"),
    [
        (UploadCompression.NONE, ".txt"),
        (UploadCompression.GZIP, ".txt.gz"),
        (UploadCompression.ZIP, ".zip"),
    ],
)
async def test_a_packed_file_arrives_as_the_rows_it_holds(
    compression: UploadCompression, ending: str
) -> None:
    async with a_rig(spelling=Spelling(compression=compression)) as rig:
        assert await rig.send({ADD: hashes(500)}) == Finished()
        assert await rig.send({REMOVE: hashes(499)}) == Finished()

        assert rig.members() == {hashes(500)[-1]}
        assert rig.sandbox.breaches == []
        assert all(
            (upload.request.upload_name or "").endswith(ending)
            for upload in rig.sandbox._state.uploads
        )
        assert rig.metric("upload_missing_rows_total", identifier_type="EMAIL_HASH") == 0


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (MetadataEncoding.NONE, None),
        (MetadataEncoding.PLAIN, KEY),
        (MetadataEncoding.TAGGED, {"Str": {"value": KEY}}),
    ],
)
async def test_an_audience_carries_its_name_as_metadata_where_that_is_set(
    encoding: MetadataEncoding, expected: object
) -> None:
    async with a_rig(metadata_encoding=encoding) as rig:
        assert await rig.send({ADD: hashes(1)}) == Finished()

        (audience,) = rig.sandbox._state.audiences
        told = audience.metadata.get(METADATA_KEY)
        assert (told["data"] if isinstance(told, dict) else None) == expected
        assert rig.sandbox.breaches == []
