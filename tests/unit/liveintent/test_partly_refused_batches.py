from consumer.liveintent.audience_directory import AudienceRefused
from consumer.liveintent.policies import UploadPolicy
from consumer.liveintent.uploader import Finished, PartlyFinished, UploadRefused
from tests.unit.liveintent.fake_liveintent import BAD_REQUEST
from tests.unit.liveintent.test_uploader import ADD, ADD_DEVICES, REMOVE, Batch, Bench, hashes

ALWAYS_ERROR = ["error"] * 4
DEVICE = "6d92078a-8246-4ba4-ae5b-76104861e7dc"


async def test_a_refused_file_leaves_the_others_their_chance() -> None:
    bench = Bench()
    out, came = hashes(2, of="old"), hashes(3)
    bench.liveintent.fates.extend(["finish", *ALWAYS_ERROR, "finish"])

    result = await bench.send(Batch({REMOVE: out, ADD: came, ADD_DEVICES: [DEVICE]}))

    assert isinstance(result, PartlyFinished)
    assert isinstance(result.refused, UploadRefused)
    assert result.rows == {*out, DEVICE}
    assert [kind for _, kind, _ in bench.sent] == ["EMAIL_HASH"] * 5 + ["AAID"]
    # Nobody may take the whole for stored.
    assert bench.stored == []


async def test_the_first_refusal_tells_why() -> None:
    bench = Bench()
    bench.liveintent.fates.extend([*ALWAYS_ERROR, "finish"])

    result = await bench.send(Batch({REMOVE: hashes(1, of="old"), ADD: hashes(1)}))

    assert isinstance(result, PartlyFinished)
    assert result.refused == UploadRefused("LiveIntent ended the upload with Error 4 times.")


async def test_a_batch_of_which_every_file_is_refused_is_refused_whole() -> None:
    bench = Bench()
    bench.liveintent.mints.extend([BAD_REQUEST] * 4)

    result = await bench.send(Batch({REMOVE: hashes(1, of="old"), ADD: hashes(1)}))

    assert isinstance(result, UploadRefused)
    assert "REMOVE" in result.detail


async def test_of_rows_in_several_files_only_those_of_the_refused_one_are_refused() -> None:
    bench = Bench(policy=UploadPolicy(max_rows_per_upload=2))
    rows = hashes(5)
    bench.liveintent.fates.extend(["finish", *ALWAYS_ERROR, "finish"])

    result = await bench.send(Batch({ADD: rows}))

    assert isinstance(result, PartlyFinished)
    assert result.rows == {*rows[:2], rows[4]}
    assert bench.stored == []


async def test_once_the_audience_is_refused_nothing_more_is_sent() -> None:
    bench = Bench(policy=UploadPolicy(max_rows_per_upload=2))
    out = hashes(1, of="old")

    def archived_after_the_first_file(_asked: int) -> None:
        if bench.liveintent.files:
            bench.liveintent.set_status(bench.liveintent.files[0].audience, "Archived")
            bench.liveintent.mints.append(BAD_REQUEST)
            batch.on_rows = lambda _: None

    batch = Batch({REMOVE: out, ADD: hashes(5), ADD_DEVICES: [DEVICE]})
    batch.on_rows = archived_after_the_first_file
    result = await bench.send(batch)

    assert isinstance(result, PartlyFinished)
    assert isinstance(result.refused, AudienceRefused)
    assert result.rows == {*out}
    assert len(bench.sent) == 1


async def test_nothing_left_of_the_file_that_finished_is_nothing_finished() -> None:
    bench = Bench()
    batch = Batch({REMOVE: hashes(1, of="old"), ADD: hashes(1)})
    bench.liveintent.fates.extend(["finish", *ALWAYS_ERROR])

    def release_what_is_finished(_asked: int) -> None:
        if len(bench.liveintent.files) > 1:
            batch.held[REMOVE] = []

    batch.on_rows = release_what_is_finished

    assert isinstance(await bench.send(batch), UploadRefused)


async def test_the_next_batch_after_a_partly_refused_one_is_sent_as_ever() -> None:
    bench = Bench()
    bench.liveintent.fates.extend(["finish", *ALWAYS_ERROR])
    await bench.send(Batch({REMOVE: hashes(1, of="old"), ADD: hashes(1)}))

    assert await bench.send(Batch({ADD: hashes(1)})) == Finished()
