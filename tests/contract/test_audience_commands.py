"""`audiences list`, `status`, `uploads` and `counts`: what is told of LiveIntent's audiences, and of its failures."""

from collections.abc import AsyncIterator

import pytest

from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.contract.audience_commands import CARTS, ON_A_TERMINAL, VIP, World, a_world

READING = (["list"], ["status", VIP], ["uploads", VIP], ["counts", VIP], ["diff", VIP])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


# list


async def test_every_audience_is_listed_with_whom_it_serves(world: World) -> None:
    carts = world.liveintent.add_audience(CARTS, created_at=1_700_000_000)
    rival = world.liveintent.add_audience(CARTS, created_at=1_600_000_000)
    other = world.liveintent.add_audience("someone_elses", status="Archived")
    world.liveintent.add_audience("of_another_account", account_id=5)

    listed = await world.command("list", LIVEINTENT_AUDIENCES=f"{CARTS},{VIP}")
    told = {each["id"]: (each["status"], each["serves"], each["in_use"]) for each in listed.objects}
    assert told == {
        rival: ("Active", CARTS, True),
        carts: ("Active", CARTS, False),
        other: ("Archived", None, False),
    }
    assert listed.objects[0]["created_at"] == "2020-09-13T12:26:40Z"
    assert VIP in listed.said
    assert listed.code == 0


async def test_an_id_that_is_set_serves_whatever_its_name(world: World) -> None:
    renamed = world.liveintent.add_audience("Renamed by hand")
    world.liveintent.add_audience(VIP)

    listed = await world.command(
        "list", LIVEINTENT_AUDIENCES=VIP, LIVEINTENT_AUDIENCE_IDS=f"{VIP}={renamed}"
    )
    assert {each["name"]: each["in_use"] for each in listed.objects} == {
        "Renamed by hand": True,
        VIP: False,
    }
    by_id = {"LIVEINTENT_AUDIENCES": VIP, "LIVEINTENT_AUDIENCE_IDS": f"{VIP}={renamed}"}
    (told,) = (await world.command("counts", VIP, **by_id)).objects
    assert told["audience_id"] == renamed


async def test_a_search_liveintent_refuses_is_no_hindrance(world: World) -> None:
    world.liveintent.add_audience(VIP)
    world.liveintent.faults.add(Fault(operation="search", kind=FaultKind.STATUS, status=400))

    assert [each["name"] for each in (await world.command("list")).objects] == [VIP]
    world.liveintent.faults.add(Fault(operation="list", kind=FaultKind.STATUS, status=400))
    for command in (["list"], ["counts", VIP]):
        refused = await world.command(*command)
        assert (refused.code, "LIVEINTENT_ACCOUNT_ID" in refused.said) == (3, True)


async def test_people_get_tables_and_no_name_can_colour_them(world: World) -> None:
    world.liveintent.add_audience("odd[red]name\x1b[2J")
    audience = world.liveintent.add_audience(VIP)
    await world.upload(audience, 3)
    shown = {**ON_A_TERMINAL, "LIVEINTENT_AUDIENCES": VIP}

    assert "odd[red]name?[2J" in (await world.command("list", **shown)).out
    assert "ADD of 3 rows" in (await world.command("status", **shown)).out
    assert "EMAIL_HASH" in (await world.command("uploads", VIP, **shown)).out
    assert "matched" in (await world.command("counts", VIP, **shown)).out
    assert "What cannot be known" in (await world.command("diff", **shown)).out


# status, uploads, counts


async def test_the_status_of_an_audience_is_its_size_and_its_last_upload(world: World) -> None:
    audience = world.liveintent.add_audience(VIP)
    await world.upload(audience, 4)
    world.liveintent.faults.add(Fault(kind=FaultKind.STUCK))
    await world.upload(audience, 2, action="REMOVE")

    (told,) = (await world.command("status", VIP)).objects
    assert (told["counts"]["total"], told["counts"]["matched"]) == (4, 2)
    assert (told["last_upload"]["action"], told["last_upload"]["status"]) == ("REMOVE", "Pending")
    assert (told["uploads"], told["unfinished_uploads"]) == (2, 1)


async def test_the_status_of_a_missing_audience_is_a_failure_after_the_others_were_told(
    world: World,
) -> None:
    world.liveintent.add_audience(VIP)

    asked = await world.command("status", VIP, CARTS)
    assert [each["name"] for each in asked.objects] == [VIP]
    assert (asked.code, CARTS in asked.said) == (3, True)
    assert (await world.command("status", LIVEINTENT_AUDIENCES=f"{VIP},{CARTS}")).code == 3


async def test_uploads_are_told_newest_first_from_every_page(world: World) -> None:
    audience = world.liveintent.add_audience(VIP)
    world.liveintent.faults.add(Fault(kind=FaultKind.REORDER_UPLOADS))
    for rows in range(1, 6):
        await world.upload(audience, rows)

    told = (await world.command("uploads", VIP)).objects
    assert [each["uploaded"] for each in told] == [5, 4, 3, 2, 1]
    assert all(0 <= each["age_seconds"] < 60 for each in told)
    newest = await world.command("uploads", "--id", str(audience), "--limit", "2")
    assert [each["uploaded"] for each in newest.objects] == [5, 4]


async def test_an_audience_is_found_by_segments_key_as_well(world: World) -> None:
    world.liveintent.add_audience(f"staging_{VIP}")
    prefix = {"LIVEINTENT_AUDIENCE_NAME_PREFIX": "staging_"}

    for name in (VIP, f"staging_{VIP}"):
        (told,) = (await world.command("counts", name, **prefix)).objects
        assert (told["audience"], told["total"]) == (f"staging_{VIP}", 0)


@pytest.mark.parametrize("command", ["uploads", "counts", "archive", "activate"])
async def test_an_audience_is_named_in_one_way(world: World, command: str) -> None:
    assert (await world.command(command)).code == 2
    assert (await world.command(command, VIP, "--id", "5")).code == 2


# What can go wrong


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(kind=FaultKind.UNAUTHORIZED_BARE), "LIVEINTENT_API_KEY"),
        (Fault(kind=FaultKind.STATUS, status=429), "LIVEINTENT_REQUESTS_PER_SECOND"),
        (Fault(kind=FaultKind.STATUS, status=503), "Try again later"),
        (Fault(kind=FaultKind.RESET), "broke"),
        (Fault(kind=FaultKind.DELAY_SECONDS, delay_seconds=9), "no answer in time"),
    ],
    ids=["401", "429", "503", "reset", "slow"],
)
async def test_what_liveintent_does_not_answer_is_told_with_what_to_do(
    world: World, command: list[str], fault: Fault, expected: str
) -> None:
    world.liveintent.faults.add(fault)

    asked = await world.command(*command, "--timeout", "0.3", LIVEINTENT_AUDIENCES=VIP)
    assert (asked.code, asked.out) == (3, "")
    assert expected in asked.said


async def test_an_unknown_id_and_an_unreachable_host_are_failures(world: World) -> None:
    unknown = await world.command("counts", "--id", "77")
    nobody = await world.command("list", LIVEINTENT_URL="http://127.0.0.1:9")
    strange = world.liveintent.add_audience("of_another_account", account_id=5)
    foreign = await world.command("counts", "--id", str(strange))

    assert (unknown.code, "audience 77" in unknown.said) == (3, True)
    assert (nobody.code, "LIVEINTENT_URL" in nobody.said) == (3, True)
    assert (foreign.code, "account 5" in foreign.said) == (3, True)


async def test_settings_that_are_missing_are_told_and_kafkas_are_not_needed(world: World) -> None:
    asked = await world.command("list", LIVEINTENT_ACCOUNT_ID="")

    assert asked.code == 2
    assert "LIVEINTENT_ACCOUNT_ID is required" in asked.said
    assert "KAFKA" not in asked.said
