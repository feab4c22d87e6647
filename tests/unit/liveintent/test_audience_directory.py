import asyncio
from collections import deque
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from consumer.audience.membership import AudienceKey
from consumer.choices import AudienceLookup, OnArchived, OnDeleted
from consumer.liveintent import audience_lookup
from consumer.liveintent.audience_directory import AudienceDirectory, AudienceRefused
from consumer.liveintent.policies import DirectoryPolicy
from consumer.liveintent.shapes import AudienceId
from consumer.liveintent.upload_outcome import OutcomeUnknown, Refused
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.unit.liveintent.fake_liveintent import (
    ACCOUNT,
    BAD_REQUEST,
    CREATES_THEN_TIMES_OUT,
    TIMED_OUT,
    FakeLiveIntent,
)
from tests.unit.liveintent.virtual_time import VirtualTime

KEY = AudienceKey("spring_buyers")


class Bench:
    def __init__(self, policy: DirectoryPolicy | None = None) -> None:
        self.time = VirtualTime()
        self.liveintent = FakeLiveIntent(self.time)
        self.metrics = Metrics(CollectorRegistry())
        self.directory = AudienceDirectory(
            self.liveintent,
            ACCOUNT,
            policy or DirectoryPolicy(),
            self.metrics,
            clock=self.time.clock,
        )

    async def resolve(self, key: AudienceKey = KEY) -> AudienceId | AudienceRefused:
        return await self.time.run(self.directory.resolve(key))

    async def refusal(self) -> str:
        resolved = await self.resolve()
        assert isinstance(resolved, AudienceRefused)
        return resolved.detail

    def calls(self, name: str) -> int:
        return self.liveintent.calls[name]

    def metric(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"{PREFIX}_{name}")


async def test_an_audience_that_exists_is_used_and_remembered() -> None:
    bench = Bench()
    row = bench.liveintent.add(KEY)

    assert [await bench.resolve(), await bench.resolve()] == [row.id, row.id]
    assert bench.liveintent.calls == {"search_v2": 1}
    assert bench.directory.mappings == {KEY: row.id}


async def test_an_audience_that_does_not_exist_is_created_once_for_all_who_ask() -> None:
    bench = Bench()

    async def ask_five_times() -> set[AudienceId | AudienceRefused]:
        return set(await asyncio.gather(*(bench.directory.resolve(KEY) for _ in range(5))))

    resolved = await bench.time.run(ask_five_times())

    assert resolved == {bench.liveintent.audiences[0][0].id}
    assert bench.calls("create") == 1
    assert bench.metric("audiences_created_total") == 1


async def test_only_the_exact_name_account_and_provider_count() -> None:
    bench = Bench(DirectoryPolicy(auto_create=False))
    bench.liveintent.add("Spring_Buyers")
    bench.liveintent.add(KEY, account=7002)

    assert "has no audience spring_buyers" in await bench.refusal()


async def test_every_page_of_the_search_is_read() -> None:
    bench = Bench()
    for _ in range(5):
        bench.liveintent.add("SPRING_BUYERS")
    row = bench.liveintent.add(KEY)

    assert await bench.resolve() == row.id
    assert bench.calls("search_v2") == 3


@pytest.mark.parametrize("start", list(AudienceLookup))
@pytest.mark.parametrize("refused", ["named", "searches"])
async def test_a_refused_search_leads_to_another_way_of_looking(
    start: AudienceLookup, refused: str
) -> None:
    bench = Bench(DirectoryPolicy(audience_lookup=start, auto_create=False))
    bench.liveintent.refuse_named_search = True
    bench.liveintent.refuse_search = refused == "searches"
    for number in range(4):
        bench.liveintent.add(f"other_{number}")
    row = bench.liveintent.add(KEY)

    assert await bench.resolve() == row.id
    before = bench.calls("search_v2") + bench.calls("search_v1")
    assert isinstance(await bench.resolve(AudienceKey("absent")), AudienceRefused)
    pages = 0 if refused == "searches" or start is AudienceLookup.LIST else 3
    assert bench.calls("search_v2") + bench.calls("search_v1") - before == pages


async def test_while_no_search_works_nothing_is_created_and_the_lane_waits() -> None:
    bench = Bench()
    bench.liveintent.refuse_search = bench.liveintent.refuse_list = True
    resolving = asyncio.create_task(bench.directory.resolve(KEY))
    with capture_logs() as logs:
        await bench.time.run_until(2000)

    assert not resolving.done()
    assert bench.calls("create") == 0
    assert [line["wait_seconds"] for line in logs if line["log_level"] == "error"] == [
        300,
        600,
        1200,
    ]
    bench.liveintent.refuse_search = False
    await bench.time.run_until(5000)
    assert await resolving == bench.liveintent.audiences[0][0].id


async def test_a_search_that_never_ends_is_not_taken_for_absence() -> None:
    bench = Bench()
    bench.liveintent.page_size = 0
    bench.liveintent.add(KEY)
    resolving = asyncio.create_task(bench.directory.resolve(KEY))

    await bench.time.run_until(100)

    assert bench.calls("create") == 0
    resolving.cancel()


@pytest.mark.parametrize("start", [AudienceLookup.SEARCH_V2, AudienceLookup.LIST])
async def test_a_list_longer_than_any_account_is_not_taken_for_absence(
    start: AudienceLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience_lookup, "PAGES_MAX", 2)
    bench = Bench(DirectoryPolicy(audience_lookup=start))
    for _ in range(9):
        bench.liveintent.add("SPRING_BUYERS")
    resolving = asyncio.create_task(bench.directory.resolve(KEY))

    await bench.time.run_until(100)

    assert bench.calls("create") == 0
    resolving.cancel()


async def test_of_several_active_audiences_the_earliest_is_used_and_the_others_are_named() -> None:
    bench = Bench()
    first = bench.liveintent.add(KEY)
    second = bench.liveintent.add(KEY)
    bench.time.seconds = 5
    bench.liveintent.add(KEY)
    with capture_logs() as logs:
        assert await bench.resolve() == first.id

    assert bench.metric("audience_name_conflicts") == 1
    assert [line["other_ids"] for line in logs if line["log_level"] == "error"] == [
        [second.id, second.id + 1]
    ]


async def test_a_conflict_that_was_cleared_up_is_not_counted_any_more() -> None:
    bench = Bench()
    bench.liveintent.add(KEY)
    other = bench.liveintent.add(KEY)
    await bench.resolve()
    bench.liveintent.set_status(other.id, "Archived")
    bench.directory.forget(KEY)

    await bench.resolve()

    assert bench.metric("audience_name_conflicts") == 0


async def test_an_archived_audience_stops_its_lane_loudly_by_default() -> None:
    bench = Bench()
    bench.liveintent.add(KEY, status="Archived")

    with capture_logs() as logs:
        assert "archived" in await bench.refusal()
        assert "archived" in await bench.refusal()

    assert bench.calls("create") == 0
    assert [line["event"] for line in logs] == ["An audience cannot be sent to."]


async def test_an_archived_audience_is_activated_where_that_is_wanted() -> None:
    bench = Bench(DirectoryPolicy(on_archived=OnArchived.ACTIVATE))
    row = bench.liveintent.add(KEY, status="Archived")
    bench.liveintent.add(KEY, status="Deleted")

    assert await bench.resolve() == row.id
    assert bench.calls("activate") == 1


async def test_an_activation_that_is_refused_is_refused() -> None:
    bench = Bench(DirectoryPolicy(on_archived=OnArchived.ACTIVATE))
    bench.liveintent.add(KEY, status="Archived")
    bench.liveintent.activations.append(BAD_REQUEST)

    assert "does not activate" in await bench.refusal()


async def test_an_activation_that_finds_nothing_is_tried_again_later() -> None:
    bench = Bench(DirectoryPolicy(on_archived=OnArchived.ACTIVATE))
    row = bench.liveintent.add(KEY, status="Archived")
    bench.liveintent.activations.append(TIMED_OUT)

    assert await bench.resolve() == row.id
    assert bench.time.seconds == 300


async def test_a_deleted_audience_stops_its_lane_unless_creating_is_wanted() -> None:
    bench = Bench()
    bench.liveintent.add(KEY, status="Deleted")
    wanted = Bench(DirectoryPolicy(on_deleted=OnDeleted.CREATE))
    old = wanted.liveintent.add(KEY, status="Deleted")

    assert "deleted" in await bench.refusal()
    assert await wanted.resolve() == old.id + 1


async def test_an_active_audience_beside_archived_ones_is_used() -> None:
    bench = Bench()
    bench.liveintent.add(KEY, status="Archived")
    row = bench.liveintent.add(KEY)

    assert await bench.resolve() == row.id


async def test_an_audience_of_unknown_status_is_used_rather_than_doubled() -> None:
    bench = Bench()
    row = bench.liveintent.add(KEY, status="Building")

    assert await bench.resolve() == row.id
    assert bench.calls("create") == 0


async def test_a_name_liveintent_could_not_take_is_refused_without_asking() -> None:
    bench = Bench(DirectoryPolicy(name_prefix="x" * 120))

    assert "cannot be the name" in await bench.refusal()
    assert bench.liveintent.calls == {}


async def test_the_prefix_is_part_of_the_name() -> None:
    bench = Bench(DirectoryPolicy(name_prefix="seg_"))

    await bench.resolve()

    assert [row.name for row, _ in bench.liveintent.audiences] == ["seg_spring_buyers"]


async def test_a_create_liveintent_refuses_is_refused() -> None:
    bench = Bench()
    bench.liveintent.creates.append(BAD_REQUEST)

    assert "does not create spring_buyers: 400" in await bench.refusal()


async def test_a_create_that_succeeded_after_the_timeout_is_found_not_repeated() -> None:
    bench = Bench()
    bench.liveintent.creates.append(CREATES_THEN_TIMES_OUT)
    bench.liveintent.search_lag_seconds = lambda: 30.0

    resolved = await bench.resolve()

    assert [row.id for row, _ in bench.liveintent.audiences] == [resolved]
    assert bench.calls("create") == 1


async def test_a_create_that_came_to_nothing_is_repeated_once_after_three_searches() -> None:
    bench = Bench()
    bench.liveintent.creates.append(TIMED_OUT)

    assert await bench.resolve() == bench.liveintent.audiences[0][0].id
    assert bench.calls("create") == 2
    # One before the first create, three before the second, one after it.
    assert bench.calls("search_v2") == 5
    assert bench.time.seconds >= 60


async def test_after_two_creates_in_vain_the_lane_waits_and_nothing_is_refused() -> None:
    bench = Bench()
    bench.liveintent.creates = deque[OutcomeUnknown | Refused]([TIMED_OUT] * 2)
    with capture_logs() as logs:
        resolving = asyncio.create_task(bench.directory.resolve(KEY))
        await bench.time.run_until(400)

    assert not resolving.done()
    assert bench.calls("create") == 2
    assert [line["log_level"] for line in logs].count("error") == 1
    await bench.time.run_until(1000)
    assert await resolving == bench.liveintent.audiences[0][0].id


async def test_an_audience_our_create_lost_the_race_to_is_used_instead() -> None:
    bench = Bench()
    bench.liveintent.search_lag_seconds = lambda: 10.0
    resolving = asyncio.create_task(bench.directory.resolve(KEY))
    rival = bench.liveintent.add(KEY, lag_seconds=10.0)
    await bench.time.run_until(100)

    assert await resolving == rival.id
    assert len(bench.liveintent.audiences) == 2


async def test_an_earlier_rival_that_was_seen_once_is_used_although_every_later_search_is_refused() -> (
    None
):
    bench = Bench()
    bench.liveintent.search_lag_seconds = lambda: 10_000.0
    rival = bench.liveintent.add(KEY, lag_seconds=0.5)
    resolving = asyncio.create_task(bench.directory.resolve(KEY))
    await bench.time.run_until(2)
    bench.liveintent.refuse_search = bench.liveintent.refuse_list = True
    await bench.time.run_until(100)

    assert await resolving == rival.id


async def test_a_created_audience_no_search_ever_shows_is_used_all_the_same() -> None:
    bench = Bench()
    bench.liveintent.search_lag_seconds = lambda: 10_000.0

    assert await bench.resolve() == bench.liveintent.audiences[0][0].id
    assert bench.calls("create") == 1


async def test_a_cancelled_create_is_looked_for_before_another_one() -> None:
    bench = Bench()
    bench.liveintent.search_lag_seconds = lambda: 30.0
    resolving = asyncio.create_task(bench.directory.resolve(KEY))
    await bench.time.run_until(0.5)
    resolving.cancel()

    resolved = await bench.resolve()

    assert [row.id for row, _ in bench.liveintent.audiences] == [resolved]


async def test_a_cancel_after_the_create_keeps_what_was_created() -> None:
    bench = Bench()
    bench.liveintent.search_lag_seconds = lambda: 1000.0
    resolving = asyncio.create_task(bench.directory.resolve(KEY))
    await bench.time.run_until(5)
    resolving.cancel()

    assert await bench.resolve() == bench.liveintent.audiences[0][0].id
    assert bench.calls("create") == 1


async def test_an_old_mapping_is_checked_before_use() -> None:
    bench = Bench()
    row = bench.liveintent.add(KEY)
    bench.time.seconds = 10_000
    await bench.resolve()
    bench.time.seconds += 601
    assert await bench.resolve() == row.id
    assert bench.calls("get") == 1

    bench.liveintent.set_status(row.id, "Archived")
    bench.time.seconds += 601
    assert "archived" in await bench.refusal()


async def test_a_renamed_audience_stays_in_use() -> None:
    bench = Bench()
    row = bench.liveintent.add(KEY)
    bench.time.seconds = 10_000
    await bench.resolve()
    bench.liveintent.audiences = [(replace(row, name="renamed"), 0.0)]
    bench.time.seconds += 601

    assert await bench.resolve() == row.id
    assert bench.calls("create") == 0


async def test_a_young_audience_gives_way_to_an_earlier_one_that_turns_up_late() -> None:
    bench = Bench()
    earlier = bench.liveintent.add(KEY, lag_seconds=300)
    bench.time.seconds = 1
    later = bench.liveintent.add(KEY)
    assert await bench.resolve() == later.id

    bench.time.seconds = 700

    assert await bench.resolve() == earlier.id


async def test_a_young_audience_the_search_does_not_show_yet_stays_in_use() -> None:
    bench = Bench()
    bench.liveintent.search_lag_seconds = lambda: 10_000.0
    created = await bench.resolve()
    bench.time.seconds += 700

    assert await bench.resolve() == created
    assert bench.calls("create") == 1


async def test_a_forgotten_audience_is_looked_up_again() -> None:
    bench = Bench()
    row = bench.liveintent.add(KEY)
    await bench.resolve()
    bench.liveintent.remove(row.id)
    bench.directory.forget(KEY)

    assert await bench.resolve() != row.id
    assert bench.calls("create") == 1


async def test_a_configured_id_wins_and_must_be_active() -> None:
    bench = Bench(DirectoryPolicy(audience_ids={KEY: 900_001}))
    assert "LIVEINTENT_URL knows no audience 900001" in await bench.refusal()
    bench.liveintent.add("another name")
    bench.liveintent.add(KEY)

    assert [await bench.resolve(), await bench.resolve()] == [900_001, 900_001]
    assert bench.liveintent.calls == {"get": 2}
    bench.liveintent.set_status(AudienceId(900_001), "Deleted")
    bench.time.seconds += 601
    assert "was deleted at LiveIntent" in await bench.refusal()
    assert bench.calls("create") == 0


async def test_an_id_of_another_account_or_provider_is_refused_with_a_hint_at_the_other_host() -> (
    None
):
    bench = Bench(DirectoryPolicy(audience_ids={KEY: 900_001}, auto_create=True))
    bench.liveintent.add(KEY, account=7002)

    refusal = await bench.refusal()

    assert "belongs to account 7002 and data provider 84, not to ours" in refusal
    assert "staging or production" in refusal
    assert bench.liveintent.calls == {"get": 1}


@pytest.mark.parametrize("policy", list(OnArchived))
async def test_an_archived_audience_that_is_set_by_its_id_follows_the_policy(
    policy: OnArchived,
) -> None:
    bench = Bench(DirectoryPolicy(audience_ids={KEY: 900_001}, on_archived=policy))
    row = bench.liveintent.add("another name", status="Archived")

    if policy is OnArchived.FAIL:
        assert "is archived" in await bench.refusal()
    else:
        assert await bench.resolve() == row.id
    assert bench.calls("activate") == (policy is OnArchived.ACTIVATE)
    assert bench.calls("search_v2") == 0


async def test_an_audience_that_is_set_by_its_id_may_have_any_name_which_is_told_once() -> None:
    bench = Bench(DirectoryPolicy(audience_ids={KEY: 900_001}, name_prefix="staging_"))
    row = bench.liveintent.add(KEY)

    with capture_logs() as logs:
        await bench.resolve()
        bench.liveintent.audiences = [(replace(row, name="renamed"), 0.0)]
        bench.time.seconds += 601
        assert await bench.resolve() == row.id

    assert [(log["log_level"], log["expected_name"]) for log in logs] == [
        ("warning", f"staging_{KEY}")
    ]


async def test_an_id_liveintent_does_not_tell_of_is_asked_about_again_and_nothing_is_refused() -> (
    None
):
    bench = Bench(DirectoryPolicy(audience_ids={KEY: 900_001}))
    row = bench.liveintent.add(KEY)
    bench.liveintent.gets.append(BAD_REQUEST)

    assert await bench.resolve() == row.id
    assert bench.time.slept == [300.0]


async def test_an_audience_that_is_another_ones_by_its_id_is_never_used_by_its_name() -> None:
    bench = Bench(DirectoryPolicy(audience_ids={AudienceKey("gold"): 900_001}))
    bench.liveintent.add(KEY)

    assert "is another's by LIVEINTENT_AUDIENCE_IDS" in await bench.refusal()
    assert bench.calls("create") == 0


async def test_a_longer_name_is_a_setting() -> None:
    key = AudienceKey("j_o_" + 200 * "x")
    long, short = Bench(DirectoryPolicy(name_max=255)), Bench()

    assert isinstance(await short.resolve(key), AudienceRefused)
    assert not isinstance(await long.resolve(key), AudienceRefused)
