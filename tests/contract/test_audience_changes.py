"""`audiences archive` and `activate`: what a person may change at LiveIntent, and what keeps it from happening by mistake."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from consumer.cli import audiences_write
from consumer.liveintent.shapes import AudienceRow
from consumer.sandbox.liveintent_server import Fault, FaultKind
from tests.contract.audience_commands import ON_A_TERMINAL, VIP, World, a_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def test_an_audience_is_archived_and_brought_back(world: World) -> None:
    audience = world.liveintent.add_audience(VIP)

    (archived,) = (await world.command("archive", VIP, "--yes")).objects
    assert (archived["before"], archived["after"], archived["changed"]) == (
        "Active",
        "Archived",
        True,
    )
    assert world.statuses() == {audience: "Archived"}
    (again,) = (await world.command("archive", VIP, "--yes")).objects
    assert again["changed"] is False
    back = await world.command("activate", "--id", str(audience), "--yes", **ON_A_TERMINAL)
    assert "Archived" in back.out
    assert world.statuses() == {audience: "Active"}


async def test_without_a_terminal_nothing_is_changed_unless_it_is_said(world: World) -> None:
    audience = world.liveintent.add_audience(VIP)
    requests = dict(world.liveintent.requests)

    asked = await world.command("archive", VIP, stdin="y\n")
    assert (asked.code, "nobody to ask" in asked.said) == (2, True)
    assert world.statuses() == {audience: "Active"}
    assert dict(world.liveintent.requests) == requests


@pytest.mark.parametrize(("answer", "status"), [("y\n", "Archived"), ("n\n", "Active")])
@pytest.mark.parametrize(
    ("policy", "meaning"), [("fail", "dead-letter topic"), ("activate", "activate it again")]
)
async def test_who_is_asked_is_told_what_it_means_for_the_service(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: str,
    policy: str,
    meaning: str,
) -> None:
    monkeypatch.setattr(audiences_write, "somebody_is_there", lambda: True)
    audience = world.liveintent.add_audience(VIP)

    asked = await world.command(
        "archive", VIP, stdin=answer, LIVEINTENT_AUDIENCES=VIP, LIVEINTENT_ON_ARCHIVED=policy
    )
    assert meaning in asked.said
    assert world.statuses() == {audience: status}
    assert asked.code == (0 if status == "Archived" else 3)


async def test_of_several_with_one_name_none_is_changed(world: World) -> None:
    first, second = (world.liveintent.add_audience(VIP) for _ in range(2))

    refused = await world.command("archive", VIP, "--yes", **ON_A_TERMINAL)
    assert refused.code == 2
    assert str(first) in refused.said
    assert set(world.statuses().values()) == {"Active"}
    await world.command("archive", "--id", str(second), "--yes")
    assert world.statuses() == {first: "Active", second: "Archived"}


async def test_a_deleted_audience_cannot_be_changed_nor_stand_in_the_way(world: World) -> None:
    world.liveintent.add_audience(VIP, status="Deleted")

    assert (await world.command("activate", VIP, "--yes")).code == 3
    living = world.liveintent.add_audience(VIP)
    assert (await world.command("archive", VIP, "--yes")).code == 0
    assert world.statuses()[living] == "Archived"


async def test_a_change_whose_outcome_is_unknown_says_so(world: World) -> None:
    world.liveintent.add_audience(VIP)
    world.liveintent.faults.add(Fault(operation="patch", kind=FaultKind.RESET_AFTER_EFFECT))

    asked = await world.command("archive", VIP, "--yes")
    assert asked.code == 3
    assert "audiences list" in asked.said
    assert set(world.statuses().values()) == {"Archived"}


async def test_a_refused_change_is_a_failure_with_liveintents_words(world: World) -> None:
    world.liveintent.add_audience(VIP)
    world.liveintent.faults.add(Fault(operation="patch", kind=FaultKind.STATUS, status=400))

    asked = await world.command("archive", VIP, "--yes")
    assert (asked.code, "400" in asked.said) == (3, True)


async def test_a_change_liveintent_takes_and_does_not_make_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unchanged(_change: object, before: AudienceRow, _how: object) -> AudienceRow:
        return replace(before)

    monkeypatch.setattr(audiences_write, "_changed", unchanged)
    world.liveintent.add_audience(VIP)

    asked = await world.command("archive", VIP, "--yes")
    assert (asked.code, "Active" in asked.said) == (3, True)


async def test_who_brings_an_audience_back_is_told_where(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences_write, "somebody_is_there", lambda: True)
    world.liveintent.add_audience(VIP, status="Archived")

    asked = await world.command("activate", VIP, stdin="y\n")
    assert f"is Archived at {world.liveintent.url}" in asked.said
    assert set(world.statuses().values()) == {"Active"}
