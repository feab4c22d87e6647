import asyncio
import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.choices import LetterCase
from consumer.liveintent.audience_directory import AudienceDirectory, AudienceRefused
from consumer.liveintent.hash_file import UnsendableRow
from consumer.liveintent.policies import DirectoryPolicy, Spelling, UploadPolicy, UploadTimes
from consumer.liveintent.shapes import AudienceId, SignedUrl, UploadEntry
from consumer.liveintent.upload_counts import UploadCounts
from consumer.liveintent.upload_outcome import (
    NotFound,
    Refused,
    RetryCause,
    RetryLater,
    SignedUrlRefused,
)
from consumer.liveintent.upload_parts import FileToSend, Trail
from consumer.liveintent.uploader import Finished, Uploader, UploadRefused, UploadStage
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.unit.liveintent.fake_liveintent import ACCOUNT, BAD_REQUEST, FakeLiveIntent
from tests.unit.liveintent.virtual_time import VirtualTime

KEY = AudienceKey("spring_buyers")
OTHER = AudienceKey("autumn_buyers")
ADD = (Action.ADD, IdentifierType.EMAIL_HASH)
REMOVE = (Action.REMOVE, IdentifierType.EMAIL_HASH)
ADD_DEVICES = (Action.ADD, IdentifierType.AAID)
What = tuple[Action, IdentifierType]


def hashes(count: int, *, of: str = "person") -> list[str]:
    return [hashlib.sha256(f"{of} {n}".encode()).hexdigest() for n in range(count)]


class Batch:
    """Rows that a test may take away, as a revoked partition does."""

    def __init__(self, files: dict[What, list[str]], audience: AudienceKey = KEY) -> None:
        self.audience = audience
        self.held = files
        self.on_rows: Callable[[int], None] = lambda _: None
        self.asked = 0

    def files(self) -> Sequence[What]:
        return list(self.held)

    def rows(self, action: Action, identifier_type: IdentifierType) -> list[str]:
        self.asked += 1
        self.on_rows(self.asked)
        return list(self.held[action, identifier_type])


class Bench:
    def __init__(
        self, *, policy: UploadPolicy | None = None, directory: DirectoryPolicy | None = None
    ) -> None:
        self.time = VirtualTime()
        self.liveintent = FakeLiveIntent(self.time)
        self.metrics = Metrics(CollectorRegistry())
        self.directory = AudienceDirectory(
            self.liveintent,
            ACCOUNT,
            directory or DirectoryPolicy(),
            self.metrics,
            clock=self.time.clock,
        )
        self.uploader = Uploader(
            self.liveintent,
            self.directory,
            self.metrics,
            policy=policy or UploadPolicy(),
            clock=self.time.clock,
        )
        self.stored: list[float] = []

    def start(self, batch: Batch) -> "asyncio.Task[object]":
        return asyncio.create_task(
            self.uploader.send(batch, on_stored=lambda: self.stored.append(self.time.seconds))
        )

    async def send(self, batch: Batch) -> object:
        return await self.end_of(self.start(batch))

    async def end_of(self, sending: "asyncio.Task[object]") -> object:
        return await self.time.run(_result(sending))

    @property
    def sent(self) -> list[tuple[str, str, int]]:
        return [
            (file.request.action, file.request.identifier_type, len(file.rows))
            for file in self.liveintent.files
        ]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"{PREFIX}_{name}", labels)


async def _result(task: "asyncio.Task[object]") -> object:
    return await task


async def test_a_batch_is_finished_when_liveintent_is_done_with_its_file() -> None:
    bench = Bench()

    assert await bench.send(Batch({ADD: hashes(3)})) == Finished()

    assert bench.sent == [("ADD", "EMAIL_HASH", 3)]
    assert bench.liveintent.files[0].rows == hashes(3)
    assert bench.time.seconds >= bench.liveintent.processing_seconds
    labels = {"action": "add", "identifier_type": "EMAIL_HASH"}
    assert bench.metric("uploads_total", **labels, result="finished") == 1
    assert bench.metric("upload_rows_total", **labels) == 3
    assert bench.metric("upload_duration_seconds_count") == 1
    assert bench.uploader.activity == {}


async def test_files_of_one_batch_go_one_after_the_other_in_their_order() -> None:
    bench = Bench()

    await bench.send(Batch({REMOVE: hashes(1), ADD: hashes(2, of="new"), ADD_DEVICES: [_device()]}))

    assert bench.sent == [("REMOVE", "EMAIL_HASH", 1), ("ADD", "EMAIL_HASH", 2), ("ADD", "AAID", 1)]
    files = bench.liveintent.files
    for earlier, later in itertools.pairwise(files):
        assert later.stored_at >= earlier.finishes_at


async def test_the_batch_counts_as_stored_once_when_its_last_file_is() -> None:
    bench = Bench()

    await bench.send(Batch({REMOVE: hashes(1), ADD: hashes(2, of="new")}))

    second = bench.liveintent.files[1]
    assert [second.stored_at.timestamp()] == [
        bench.time.utc_now.timestamp() - bench.time.seconds + moment for moment in bench.stored
    ]


async def test_batches_of_different_audiences_do_not_wait_for_each_other() -> None:
    bench = Bench()
    bench.liveintent.fates.append("stuck")
    stuck = bench.start(Batch({ADD: hashes(1)}))
    await bench.time.settle()

    assert await bench.send(Batch({ADD: hashes(1)}, audience=OTHER)) == Finished()
    assert not stuck.done()
    stuck.cancel()


async def test_a_second_batch_of_one_audience_waits_for_the_first() -> None:
    bench = Bench()
    first = bench.start(Batch({ADD: hashes(1)}))
    second = bench.start(Batch({REMOVE: hashes(1)}))

    await bench.time.run(_all(first, second))

    early, late = bench.liveintent.files
    assert late.stored_at >= early.finishes_at


async def test_a_large_batch_is_split_and_every_row_goes_exactly_once() -> None:
    bench = Bench(policy=UploadPolicy(max_rows_per_upload=4))
    rows = hashes(10)

    assert await bench.send(Batch({ADD: rows})) == Finished()

    assert [len(file.rows) for file in bench.liveintent.files] == [4, 4, 2]
    assert [row for file in bench.liveintent.files for row in file.rows] == rows
    assert len(bench.stored) == 1


async def test_rows_released_between_two_parts_take_no_other_row_with_them() -> None:
    bench = Bench(policy=UploadPolicy(max_rows_per_upload=4))
    rows = hashes(10)
    batch = Batch({ADD: list(rows)})
    task = bench.start(batch)
    await bench.time.run_until(5)
    batch.held[ADD] = rows[3:]

    await bench.time.run(_result(task))

    assert {row for file in bench.liveintent.files for row in file.rows} == set(rows)


async def test_nothing_is_sent_again_when_the_rest_of_a_large_batch_is_released() -> None:
    bench = Bench(policy=UploadPolicy(max_rows_per_upload=4))
    rows = hashes(10)
    batch = Batch({ADD: list(rows)})
    task = bench.start(batch)
    await bench.time.run_until(5)
    batch.held[ADD] = rows[:4]

    assert await bench.time.run(_result(task)) == Finished()

    assert [file.rows for file in bench.liveintent.files] == [rows[:4]]


async def test_rows_released_before_the_put_are_not_sent() -> None:
    bench = Bench()
    rows = hashes(3)
    batch = Batch({ADD: list(rows)})
    bench.liveintent.stores.append(RetryLater(RetryCause.SERVER_ERROR))

    def release(_asked: int) -> None:
        if bench.liveintent.calls["store"] == 2:
            batch.held[ADD] = rows[1:]

    batch.on_rows = release

    assert await bench.send(batch) == Finished()
    assert bench.liveintent.files[0].rows == rows[1:]


@pytest.mark.parametrize("moment", [1, 2, 3])
async def test_a_file_whose_rows_were_all_released_is_not_sent(moment: int) -> None:
    bench = Bench()
    batch = Batch({ADD: hashes(3)})

    def release(asked: int) -> None:
        if asked == moment:
            batch.held[ADD] = []

    batch.on_rows = release

    assert await bench.send(batch) == Finished()
    assert bench.sent == []
    assert len(bench.stored) == 1


async def test_an_empty_batch_is_finished_without_a_call() -> None:
    bench = Bench()

    assert await bench.send(Batch({})) == Finished()
    assert bench.liveintent.calls == {}
    assert len(bench.stored) == 1


async def test_an_audience_that_is_refused_refuses_the_batch() -> None:
    bench = Bench(directory=DirectoryPolicy(auto_create=False))

    assert isinstance(await bench.send(Batch({ADD: hashes(1)})), AudienceRefused)
    assert bench.stored == []


async def test_an_action_liveintent_does_not_know_is_refused_with_a_hint() -> None:
    bench = Bench()
    bench.liveintent.mints.extend([BAD_REQUEST] * 2)

    refused = await bench.send(Batch({ADD: hashes(1)}))

    assert isinstance(refused, UploadRefused)
    assert "ADD EMAIL_HASH" in refused.detail
    assert "spelling" in refused.detail
    labels = {"action": "add", "identifier_type": "EMAIL_HASH", "result": "refused"}
    assert bench.metric("uploads_total", **labels) == 1


async def test_a_mint_refused_because_the_audience_was_archived_blames_the_audience() -> None:
    bench = Bench()
    row = bench.liveintent.add(KEY)
    await bench.time.run(_resolve(bench))
    bench.liveintent.set_status(row.id, "Archived")
    bench.liveintent.mints.append(BAD_REQUEST)

    refused = await bench.send(Batch({ADD: hashes(1)}))

    assert isinstance(refused, AudienceRefused)


@pytest.mark.parametrize("operation", ["mint", "uploads"])
async def test_an_audience_that_is_gone_is_looked_up_again(operation: str) -> None:
    bench = Bench()
    gone = bench.liveintent.add(KEY)
    await bench.time.run(_resolve(bench))
    bench.liveintent.remove(gone.id)
    if operation == "mint":
        bench.liveintent.mints.append(NotFound())
    else:
        bench.liveintent.listings.append(NotFound())

    assert await bench.send(Batch({ADD: hashes(1)})) == Finished()
    assert [file.audience != gone.id for file in bench.liveintent.files] == [True]


async def test_an_audience_that_goes_while_its_upload_is_followed_gets_the_file_again() -> None:
    bench = Bench()
    batch = Batch({ADD: hashes(1)})
    task = bench.start(batch)
    await bench.time.run_until(5)
    bench.liveintent.remove(bench.liveintent.audiences[0][0].id)
    bench.liveintent.listings.append(NotFound())

    assert await bench.time.run(_result(task)) == Finished()
    assert len({file.audience for file in bench.liveintent.files}) == 2
    assert len(bench.stored) == 1


async def test_a_storage_that_refuses_a_url_gets_the_file_at_another() -> None:
    bench = Bench()
    bench.liveintent.stores.extend([SignedUrlRefused("403")] * 3)

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert bench.liveintent.calls["mint"] == 4
    assert bench.sent == [("ADD", "EMAIL_HASH", 2)]


async def test_a_storage_outage_is_waited_out() -> None:
    bench = Bench()
    bench.liveintent.stores.extend([RetryLater(RetryCause.UNREACHABLE)] * 20)

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert len(bench.sent) == 1


async def test_a_url_that_grew_old_while_waiting_is_not_used() -> None:
    bench = Bench()
    bench.liveintent.stores.append("slow")

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert bench.liveintent.calls["mint"] == 2


async def test_a_put_that_succeeded_before_its_answer_was_lost_is_not_repeated() -> None:
    bench = Bench()
    bench.liveintent.stores.append("stored, then silence")

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert len(bench.liveintent.files) == 1
    assert len(bench.stored) == 1


async def test_what_was_uploaded_before_the_url_was_given_does_not_pass_for_a_put_that_failed() -> (
    None
):
    bench = Bench()
    bench.liveintent.add(KEY)
    await bench.send(Batch({ADD: hashes(2)}))
    bench.liveintent.foreign.append(_foreign(bench, "Finished"))
    bench.liveintent.stores.append(RetryLater(RetryCause.RESET))
    sending = bench.start(Batch({ADD: hashes(2, of="new")}))
    bench.time.seconds += 1

    assert await bench.time.run(_result(sending)) == Finished()
    assert bench.liveintent.files[-1].rows == hashes(2, of="new")


async def test_another_replicas_upload_of_other_size_does_not_pass_for_ours() -> None:
    bench = Bench()
    bench.liveintent.add(KEY)
    bench.liveintent.listing_lag_seconds = 100
    bench.liveintent.foreign.append(replace(_foreign(bench, "Finished"), uploaded=3))
    bench.time.seconds = 1
    bench.uploader.look_again()
    sending = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.settle()
    bench.liveintent.foreign.append(replace(_foreign(bench, "Finished"), uploaded=1))
    await bench.time.run_until(90)

    assert not sending.done()
    assert await bench.time.run(_result(sending)) == Finished()
    assert len(bench.liveintent.files) == 1


async def test_where_liveintent_counts_otherwise_one_upload_is_sent_twice_and_no_more() -> None:
    bench = Bench()
    bench.liveintent.uncounted = 1

    with capture_logs() as logs:
        assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
        assert await bench.send(Batch({ADD: hashes(3)})) == Finished()

    assert [len(file.rows) for file in bench.liveintent.files] == [2, 2, 3]
    told = [line["event"] for line in logs if "counts rows otherwise" in line["event"]]
    assert len(told) == 1


async def test_what_a_cancelled_batch_stored_is_waited_for_until_it_is_listed() -> None:
    bench = Bench()
    bench.liveintent.listing_lag_seconds = 300
    task = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run_until(5)
    task.cancel()
    await bench.time.settle()

    assert await bench.send(Batch({REMOVE: hashes(2)})) == Finished()

    early, late = bench.liveintent.files
    assert late.stored_at >= early.listed_at


async def test_another_replicas_upload_of_other_size_is_not_what_a_cancelled_batch_stored() -> None:
    bench = Bench()
    bench.liveintent.listing_lag_seconds = 300
    task = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run_until(5)
    task.cancel()
    await bench.time.settle()
    bench.liveintent.foreign.append(replace(_foreign(bench, "Finished"), uploaded=7))

    assert await bench.send(Batch({REMOVE: hashes(2)})) == Finished()

    early, late = bench.liveintent.files
    assert late.stored_at >= early.listed_at


async def test_what_is_never_listed_is_waited_for_only_so_long() -> None:
    bench = Bench()
    bench.liveintent.fates.append("lost")
    task = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run_until(5)
    task.cancel()
    await bench.time.settle()

    assert await bench.send(Batch({REMOVE: hashes(2)})) == Finished()
    assert 900 <= bench.time.seconds < 1300


async def test_a_put_without_an_answer_that_is_not_listed_is_repeated() -> None:
    bench = Bench()
    bench.liveintent.stores.append(RetryLater(RetryCause.RESET))

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert bench.liveintent.calls["store"] == 2


async def test_a_put_whose_fate_cannot_be_looked_up_is_repeated() -> None:
    bench = Bench()
    row = bench.liveintent.add(KEY)
    bench.liveintent.stores.append(RetryLater(RetryCause.RESET))
    bench.liveintent.listings.extend([None, BAD_REQUEST])

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert [file.audience for file in bench.liveintent.files] == [row.id]


async def test_a_file_storage_never_takes_is_refused() -> None:
    bench = Bench()
    bench.liveintent.stores.append(Refused(413, "", "EntityTooLarge"))

    refused = await bench.send(Batch({ADD: hashes(2)}))

    assert isinstance(refused, UploadRefused)
    assert "2 rows" in refused.detail


async def test_an_error_is_sent_again_with_a_new_url_and_forgotten() -> None:
    bench = Bench()
    bench.liveintent.fates.extend(["error", "error", "error"])

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert bench.liveintent.calls["mint"] == 4
    assert len(bench.stored) == 1
    labels = {"action": "add", "identifier_type": "EMAIL_HASH", "result": "error"}
    assert bench.metric("uploads_total", **labels) == 3


async def test_an_upload_that_always_ends_in_error_is_refused_in_the_end() -> None:
    bench = Bench()
    bench.liveintent.fates.extend(["error"] * 9)

    refused = await bench.send(Batch({ADD: hashes(2)}))

    assert refused == UploadRefused("LiveIntent ended the upload with Error 4 times.")
    assert len(bench.liveintent.files) == 4


async def test_an_upload_that_is_never_listed_is_sent_once_more() -> None:
    bench = Bench()
    bench.liveintent.fates.append("lost")

    with capture_logs() as logs:
        assert await bench.send(Batch({ADD: hashes(2)})) == Finished()

    assert len(bench.liveintent.files) == 2
    assert bench.time.seconds > 900
    assert "LiveIntent does not list a stored upload; sending it once more." in [
        line["event"] for line in logs
    ]
    assert len(bench.stored) == 1


async def test_an_upload_that_is_never_listed_twice_is_waited_for_and_alerted_once() -> None:
    bench = Bench()
    bench.liveintent.fates.extend(["lost"] * 5)
    with capture_logs() as logs:
        task = bench.start(Batch({ADD: hashes(2)}))
        await bench.time.run_until(10_000)

    assert not task.done()
    assert len(bench.liveintent.files) == 2
    errors = [line for line in logs if line["log_level"] == "error"]
    assert [line["deadline"] for line in errors] == ["listed"]
    assert bench.metric("uploads_overdue", deadline="listed") == 1

    task.cancel()
    await bench.time.settle()
    assert bench.metric("uploads_overdue", deadline="listed") == 0


async def test_an_upload_listed_late_is_not_taken_for_lost() -> None:
    bench = Bench()
    bench.liveintent.listing_lag_seconds = 600

    assert await bench.send(Batch({ADD: hashes(2)})) == Finished()
    assert len(bench.liveintent.files) == 1


async def test_an_upload_that_never_ends_is_waited_for_and_alerted_once() -> None:
    bench = Bench()
    bench.liveintent.fates.append("stuck")
    with capture_logs() as logs:
        task = bench.start(Batch({ADD: hashes(2)}))
        await bench.time.run_until(30_000)

    assert not task.done()
    assert [line["deadline"] for line in logs if line["log_level"] == "error"] == ["finished"]
    assert bench.uploader.activity[KEY].stage is UploadStage.PENDING
    bench.liveintent.files[0].fate = "finish"
    assert await bench.time.run(_result(task)) == Finished()


async def test_a_status_we_do_not_know_is_waited_for_and_told_once() -> None:
    bench = Bench()
    bench.liveintent.fates.append("paused")
    with capture_logs() as logs:
        task = bench.start(Batch({ADD: hashes(2)}))
        await bench.time.run_until(3000)

    assert [line["status"] for line in logs if line["log_level"] == "error"] == ["Paused"]
    assert bench.uploader.activity[KEY].stage is UploadStage.RUNNING
    task.cancel()


async def test_a_list_of_uploads_that_is_refused_is_asked_for_again() -> None:
    bench = Bench()
    bench.liveintent.listings.extend([None, BAD_REQUEST, BAD_REQUEST])

    with capture_logs() as logs:
        assert await bench.send(Batch({ADD: hashes(2)})) == Finished()

    assert [line["log_level"] for line in logs].count("error") == 1
    assert len(bench.liveintent.files) == 1


async def test_without_a_list_of_earlier_uploads_the_file_is_sent_all_the_same_but_later() -> None:
    bench = Bench()
    bench.liveintent.listings.extend([BAD_REQUEST] * 20)

    with capture_logs() as logs:
        sending = bench.start(Batch({ADD: hashes(2)}))
        await bench.time.run_until(800)
        assert bench.liveintent.files == []

        assert await bench.time.run(_result(sending)) == Finished()

    told = [line for line in logs if line["event"].startswith("LiveIntent does not list what was")]
    assert len(told) == 1


async def test_a_list_that_is_refused_again_after_it_was_read_is_told_again() -> None:
    bench = Bench()

    with capture_logs() as logs:
        for _ in range(2):
            bench.liveintent.listings.append(BAD_REQUEST)
            bench.uploader.look_again()
            await bench.send(Batch({ADD: hashes(2)}))

    told = [line for line in logs if line["event"].startswith("LiveIntent does not list what was")]
    assert len(told) == 2


async def test_polls_come_ever_more_rarely() -> None:
    bench = Bench()
    bench.liveintent.processing_seconds = 3000
    bench.liveintent.add(KEY)

    await bench.send(Batch({ADD: hashes(2)}))

    polls = [seconds for seconds in bench.time.slept if seconds > 0]
    assert polls[:3] == [15, 22.5, 33.75]
    assert polls == sorted(polls)
    assert max(polls) == 300


async def test_a_finished_upload_of_before_does_not_pass_for_ours() -> None:
    bench = Bench()
    bench.liveintent.add(KEY)
    await bench.send(Batch({ADD: hashes(2)}))
    finished_at = bench.time.seconds

    await bench.send(Batch({ADD: hashes(2, of="new")}))

    assert bench.time.seconds - finished_at >= bench.liveintent.processing_seconds


async def test_a_finished_upload_of_a_former_process_does_not_pass_for_ours() -> None:
    bench = Bench()
    bench.liveintent.add(KEY)
    bench.time.seconds = 100
    bench.liveintent.foreign.append(_foreign(bench, "Finished"))

    await bench.send(Batch({ADD: hashes(2)}))

    assert bench.time.seconds - 100 >= bench.liveintent.processing_seconds


async def test_an_unfinished_upload_of_a_former_process_is_waited_for() -> None:
    bench = Bench()
    bench.liveintent.add(KEY)
    bench.liveintent.foreign.append(_foreign(bench, "Running"))
    task = bench.start(Batch({REMOVE: hashes(2)}))
    await bench.time.run_until(100)

    assert bench.liveintent.files == []
    bench.liveintent.foreign[0] = _foreign(bench, "Finished")
    assert await bench.time.run(_result(task)) == Finished()


async def test_a_former_processs_upload_that_never_ends_holds_us_up_only_so_long() -> None:
    bench = Bench()
    bench.liveintent.add(KEY)
    bench.liveintent.foreign.append(_foreign(bench, "Pending"))

    with capture_logs() as logs:
        assert await bench.send(Batch({REMOVE: hashes(2)})) == Finished()

    assert 900 <= bench.time.seconds < 1300
    assert [line["unfinished"] for line in logs if "unfinished" in line] == [1]


async def test_a_cancelled_upload_is_waited_for_by_the_next_batch() -> None:
    bench = Bench()
    bench.liveintent.processing_seconds = 200
    task = bench.start(Batch({ADD: hashes(2)}))
    await bench.time.run_until(5)
    task.cancel()
    await bench.time.settle()
    assert bench.uploader.activity == {}

    assert await bench.send(Batch({REMOVE: hashes(2)})) == Finished()

    early, late = bench.liveintent.files
    assert late.stored_at >= early.finishes_at


@pytest.mark.parametrize("moment", [0.0, 0.5, 1.5, 16, 25])
async def test_a_cancel_at_any_moment_leaves_the_uploader_usable(moment: float) -> None:
    bench = Bench()
    task = bench.start(Batch({REMOVE: hashes(1), ADD: hashes(1, of="new")}))
    await bench.time.run_until(moment)
    task.cancel()
    await bench.time.settle()

    assert await bench.send(Batch({REMOVE: hashes(1), ADD: hashes(1, of="new")})) == Finished()
    assert len({row.id for row, _ in bench.liveintent.audiences}) == 1


async def test_rows_liveintent_calls_invalid_are_counted_and_told() -> None:
    bench = Bench()
    bench.liveintent.invalid = 1

    with capture_logs() as logs:
        await bench.send(Batch({ADD: hashes(2)}))

    assert bench.metric("upload_invalid_rows_total", identifier_type="EMAIL_HASH") == 1
    assert [line["invalid"] for line in logs if line["log_level"] == "warning"] == [1]


async def test_duplicates_and_rows_in_none_of_the_counts_are_counted_and_shown() -> None:
    bench = Bench()
    bench.liveintent.uncounted, bench.liveintent.duplicates = 2, 1
    bench.liveintent.invalid = 0

    with capture_logs() as logs:
        task = bench.start(Batch({ADD: hashes(5)}))
        # Its number of rows is not ours: it is taken for another's, and sent again, before we learn better.
        await bench.time.run(_result(task))

    assert bench.metric("upload_duplicate_rows_total", identifier_type="EMAIL_HASH") == 1
    assert bench.metric("upload_missing_rows_total", identifier_type="EMAIL_HASH") == 1
    counted = bench.uploader.counted[KEY]
    assert (counted.counts, counted.action) == (UploadCounts(5, 3, 0, 1), Action.ADD)
    told = [line for line in logs if line["event"].startswith("LiveIntent's counts")]
    assert [(line["rows"], line["uploaded"], line["duplicates"]) for line in told] == [(5, 3, 1)]


async def test_counts_that_are_ours_are_shown_and_nothing_is_said() -> None:
    bench = Bench()

    with capture_logs() as logs:
        await bench.send(Batch({ADD: hashes(2)}))

    assert bench.uploader.counted[KEY].counts == UploadCounts(2, 2, 0, 0)
    assert bench.metric("upload_missing_rows_total", identifier_type="EMAIL_HASH") == 0
    assert not [line for line in logs if line["log_level"] == "warning"]


async def test_a_file_holds_at_most_so_many_bytes_and_the_flush_is_one() -> None:
    bench = Bench(policy=UploadPolicy(max_bytes_per_upload=150))
    rows = [*hashes(3), "0" * 32, "1" * 32, "2" * 40]

    assert await bench.send(Batch({ADD: rows})) == Finished()

    files = bench.liveintent.files
    assert [len(file.rows) for file in files] == [2, 3, 1]
    assert max(sum(len(row) + 1 for row in file.rows) for file in files) <= 150
    assert [row for file in files for row in file.rows] == rows
    assert len(bench.stored) == 1


async def test_device_ids_are_written_as_it_is_set() -> None:
    spelling = Spelling(device_cases={IdentifierType.AAID: LetterCase.UPPER})
    bench = Bench(policy=UploadPolicy(spelling=spelling))

    await bench.send(Batch({ADD_DEVICES: [_device()]}))

    assert [file.rows for file in bench.liveintent.files] == [[_device().upper()]]


async def test_upload_names_are_unique_text_files_that_name_nobody() -> None:
    bench = Bench(policy=UploadPolicy(max_rows_per_upload=1))

    await bench.send(Batch({ADD: hashes(3)}))

    names = [file.request.upload_name for file in bench.liveintent.files]
    assert names == [f"segment-liveintent-80000000-{n:06d}.txt" for n in (1, 2, 3)]


async def test_liveintents_spelling_is_a_setting() -> None:
    spelling = Spelling(action_add="add", identifier_types={IdentifierType.EMAIL_HASH: "emailhash"})
    bench = Bench(policy=UploadPolicy(spelling=spelling))

    await bench.send(Batch({ADD: hashes(1), ADD_DEVICES: [_device()]}))

    assert bench.sent == [("add", "emailhash", 1), ("add", "AAID", 1)]


async def test_what_is_no_identifier_never_leaves() -> None:
    bench = Bench()

    with pytest.raises(UnsendableRow):
        await bench.send(Batch({ADD: ["ada@example.com"]}))

    assert bench.liveintent.files == []


async def test_the_status_page_sees_where_an_upload_is() -> None:
    bench = Bench(policy=UploadPolicy(times=UploadTimes(poll_initial_seconds=5)))
    bench.liveintent.add(KEY)
    bench.liveintent.listing_lag_seconds = 10
    bench.liveintent.fates.append("error")
    stages: list[UploadStage] = []
    task = bench.start(Batch({ADD: hashes(2)}))
    while not task.done():
        await bench.time.run_until(bench.time.seconds + 0.5)
        if (activity := bench.uploader.activity.get(KEY)) and activity.stage not in stages:
            stages.append(activity.stage)
            assert (activity.rows, activity.action) == (2, Action.ADD)
            assert activity.since <= bench.time.seconds

    assert stages == [
        UploadStage.STORED,
        UploadStage.UNLISTED,
        UploadStage.RUNNING,
        UploadStage.ERROR,
    ]


def _device() -> str:
    return "38400000-8cf0-11bd-b23e-10b96e40000d"


def _foreign(bench: Bench, status: str) -> UploadEntry:
    now = bench.time.utc_now
    return UploadEntry(status, "ADD", "EMAIL_HASH", now, now, 2, 0, 0)


async def _resolve(bench: Bench) -> AudienceId | AudienceRefused:
    return await bench.directory.resolve(KEY)


async def _all(*tasks: "asyncio.Task[object]") -> list[object]:
    return await asyncio.gather(*tasks)


def test_a_signed_url_is_not_printed() -> None:
    assert "secret" not in repr(SignedUrl("https://storage.example/?sig=secret"))


def test_nothing_is_looked_for_before_a_url_was_minted() -> None:
    file = FileToSend(
        KEY, Bench().directory.resolve, *ADD, rows=list, show=lambda _stage, _detail: None
    )
    trail = Trail(AudienceId(1), frozenset(), started_at=0.0)

    with pytest.raises(RuntimeError):
        trail.sought(file, Spelling())
