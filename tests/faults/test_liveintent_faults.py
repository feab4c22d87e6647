"""What the user sees when LiveIntent, or its storage, does not behave."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from consumer.audience.membership import AudienceKey
from consumer.liveintent.audience_directory import AudienceRefused
from consumer.liveintent.exchange import Blocked
from consumer.liveintent.policies import Timeouts
from consumer.liveintent.uploader import Finished, UploadRefused, UploadStage
from consumer.sandbox.liveintent_server import (
    BodyShape,
    BreachKind,
    Fault,
    FaultKind,
    SandboxOptions,
)
from tests.contract.liveintent_client import ADD, KEY, REMOVE, Rig, a_rig, hashes

OTHER = AudienceKey("autumn_buyers")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the condition is about another program's state
            await asyncio.sleep(0.01)


def sending(rig: Rig, count: int = 2) -> "asyncio.Task[object]":
    return asyncio.create_task(rig.send({ADD: hashes(count)}))


async def cancelled(task: "asyncio.Task[object]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORIZED_BARE, FaultKind.UNAUTHORIZED_WRAPPED])
async def test_a_refused_api_key_blocks_everything_and_loses_nothing(kind: FaultKind) -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=kind))
        task = sending(rig)
        await until(lambda: rig.exchange.health.blocked is Blocked.UNAUTHORISED)

        assert not task.done()
        assert rig.exchange.health.last_error.startswith("401")
        assert rig.metric("liveintent_unauthorised") == 1

        rig.sandbox.faults.clear()
        assert await task == Finished()
        assert rig.exchange.health.blocked is None
        assert rig.members() == set(hashes(2))


async def test_a_replaced_api_key_is_picked_up_without_a_restart() -> None:
    async with a_rig() as rig:
        rig.sandbox.rotate_token("rotated")
        task = sending(rig)
        await until(lambda: rig.exchange.health.blocked is Blocked.UNAUTHORISED)
        rig.token = "rotated"

        assert await task == Finished()


async def test_a_misspelt_action_is_refused_with_a_hint_and_no_second_file() -> None:
    options = SandboxOptions(actions=("add", "remove"))
    async with a_rig(options) as rig:
        result = await rig.send({ADD: hashes(2)})

        assert isinstance(result, UploadRefused)
        assert "spelling of the action" in result.detail
        assert rig.sandbox.uploads() == []


async def test_a_create_that_succeeds_after_the_time_out_makes_one_audience() -> None:
    async with a_rig(timeouts=Timeouts(request_seconds=0.2)) as rig:
        rig.sandbox.faults.add(
            Fault(operation="create", kind=FaultKind.DELAY_AFTER_EFFECT, delay_seconds=0.5, times=1)
        )

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert len(rig.sandbox.audiences()) == 1


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER_EFFECT, FaultKind.RESET])
async def test_a_create_whose_connection_broke_makes_one_audience(kind: FaultKind) -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(operation="create", kind=kind, times=1))

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert len(rig.sandbox.audiences()) == 1


async def test_a_search_that_lags_behind_the_create_makes_one_audience() -> None:
    async with a_rig(SandboxOptions(processing_seconds=0.05, search_lag_seconds=0.2)) as rig:
        rig.sandbox.faults.add(
            Fault(operation="create", kind=FaultKind.RESET_AFTER_EFFECT, times=1)
        )

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert len(rig.sandbox.audiences()) == 1


async def test_two_replicas_that_meet_a_new_audience_at_once_use_one() -> None:
    async with a_rig(SandboxOptions(processing_seconds=0.05, search_lag_seconds=0.1)) as first:
        second = Rig(first.sandbox, first.client, first.metrics)

        used = await asyncio.gather(first.directory.resolve(KEY), second.directory.resolve(KEY))

        assert len(set(used)) == 1


async def test_an_upload_that_is_never_listed_is_sent_once_more() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.NEVER_LISTED, times=1))

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert [upload.status for upload in rig.sandbox.uploads()] == ["Lost", "Finished"]
        assert rig.members() == set(hashes(2))
        assert rig.stored == 1


async def test_uploads_that_are_never_listed_raise_one_alert_and_no_third_file() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.NEVER_LISTED))
        with capture_logs() as logs:
            task = sending(rig)
            await until(lambda: rig.metric("uploads_overdue", deadline="listed") == 1)

        assert len(rig.sandbox.uploads()) == 2
        assert [line["log_level"] for line in logs].count("error") == 1
        await cancelled(task)


async def test_an_upload_that_ends_in_error_is_sent_again() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.UPLOAD_ERROR, times=2))

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert [upload.status for upload in rig.sandbox.uploads()] == ["Error"] * 2 + ["Finished"]
        assert rig.sandbox.breaches == []


async def test_an_upload_that_always_ends_in_error_is_refused_and_the_next_one_goes() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.UPLOAD_ERROR, times=4))

        assert isinstance(await rig.send({ADD: hashes(2)}), UploadRefused)
        assert await rig.send({ADD: hashes(3)}) == Finished()
        assert rig.members() == set(hashes(3))


async def test_a_list_of_uploads_in_no_order_still_tells_which_one_is_ours() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.REORDER_UPLOADS))
        for number in range(12):
            await rig.send({ADD: hashes(1, of=f"{number}")})
        await rig.send({REMOVE: hashes(1, of="0")})

        assert len(rig.members()) == 11
        assert rig.sandbox.breaches == []


async def test_an_upload_that_is_overtaken_is_not_overtaken_by_ours() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.SLOW_UPLOAD, delay_seconds=0.3, times=1))
        await rig.send({ADD: hashes(2)})
        await rig.send({REMOVE: hashes(2)})

        assert rig.members() == set()
        assert rig.sandbox.breaches == []


async def test_a_signature_storage_refuses_costs_a_new_url_and_nothing_else() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.STORAGE_403, times=3))

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert len(rig.sandbox.uploads()) == 1
        assert rig.sandbox.breaches == []


async def test_a_put_whose_answer_is_lost_is_not_sent_twice() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(operation="store", kind=FaultKind.RESET_AFTER_EFFECT, times=1))

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert len(rig.sandbox.uploads()) == 1
        assert rig.sandbox.breaches == []


async def test_a_rate_limit_is_honoured_to_the_second() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(
            Fault(operation="mint", kind=FaultKind.STATUS, status=429, retry_after=1, times=1)
        )
        loop = asyncio.get_running_loop()
        started = loop.time()

        assert await rig.send({ADD: hashes(2)}) == Finished()
        assert loop.time() - started >= 1
        labels = {"operation": "create_signed_url", "cause": "rate_limited"}
        assert rig.metric("liveintent_retries_total", **labels) == 1


async def test_a_status_we_do_not_know_is_waited_for_and_shown() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.UNKNOWN_STATUS, times=1))
        task = sending(rig)
        await until(lambda: _stage(rig) is UploadStage.RUNNING)

        assert not task.done()
        rig.sandbox.faults.clear()
        assert await task == Finished()


async def test_an_upload_that_hangs_raises_an_alert_and_is_still_waited_for() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.STUCK, times=1))
        task = sending(rig)
        await until(lambda: rig.metric("uploads_overdue", deadline="finished") == 1)

        assert not task.done()
        rig.sandbox.faults.clear()
        assert await task == Finished()
        assert rig.metric("uploads_overdue", deadline="finished") == 0


@pytest.mark.parametrize("body", list(BodyShape))
async def test_an_outage_opens_the_circuit_and_is_waited_out(body: BodyShape) -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.STATUS, status=503, body=body))
        task = sending(rig)
        await until(lambda: rig.exchange.health.blocked is Blocked.CIRCUIT_OPEN)

        assert rig.metric("circuit_open", host="api") == 1
        rig.sandbox.faults.clear()
        assert await task == Finished()
        assert rig.metric("circuit_open", host="api") == 0


async def test_one_audience_that_fails_does_not_delay_another() -> None:
    async with a_rig() as rig:
        rig.sandbox.faults.add(Fault(kind=FaultKind.STUCK, audience=KEY))
        task = sending(rig)
        await until(lambda: len(rig.sandbox.uploads()) == 1)

        assert await rig.send({ADD: hashes(2)}, OTHER) == Finished()
        assert not task.done()
        await cancelled(task)


@pytest.mark.parametrize("status", ["Archived", "Deleted"])
async def test_an_audience_put_away_at_liveintent_is_not_silently_replaced(status: str) -> None:
    async with a_rig() as rig:
        rig.sandbox.add_audience(KEY, status=status)

        assert isinstance(await rig.send({ADD: hashes(2)}), AudienceRefused)
        assert len(rig.sandbox.audiences()) == 1


async def test_the_next_process_waits_for_the_upload_of_one_that_died() -> None:
    async with a_rig(SandboxOptions(processing_seconds=0.3)) as rig:
        task = sending(rig)
        await until(lambda: len(rig.sandbox.uploads()) == 1)
        await cancelled(task)
        successor = Rig(rig.sandbox, rig.client, rig.metrics)

        await successor.send({REMOVE: hashes(2)})

        assert successor.members() == set()
        assert BreachKind.TWO_UNFINISHED_UPLOADS not in {b.kind for b in rig.sandbox.breaches}


def _stage(rig: Rig) -> UploadStage | None:
    activity = rig.uploader.activity.get(KEY)
    return activity.stage if activity else None
