"""Uploads over time, without a server: which rows reach an audience, when, and in what order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sandbox.faults import Fault, FaultKind
from consumer.sandbox.liveintent_audiences import Audience
from consumer.sandbox.liveintent_breaches import BreachKind, Refused
from consumer.sandbox.liveintent_rows import read_rows
from consumer.sandbox.liveintent_state import LiveIntentState, SandboxOptions
from consumer.sandbox.liveintent_uploads import UploadRequest

OPTIONS = SandboxOptions(processing_seconds=10.0, url_lifetime_seconds=60.0)
A, B, C = "a" * 32, "b" * 32, "c" * 32


class World:
    """One audience, `vip`, and what becomes of uploads to it."""

    def __init__(self) -> None:
        self.state = LiveIntentState(OPTIONS)
        self.vip = self.add("vip")

    def add(self, name: str) -> Audience:
        return self.state.audiences.add(name, status="Active", account_id=None, created_at=0.0)

    def store(
        self,
        now: float,
        action: str,
        *rows: str,
        fault: FaultKind | None = None,
        audience: Audience | None = None,
    ) -> None:
        request = UploadRequest(
            audience=audience or self.vip, action=action, identifier_type="EMAIL_HASH"
        )
        self.state.uploads.store(
            request,
            read_rows("\n".join(rows).encode(), "EMAIL_HASH"),
            now,
            fault=None if fault is None else Fault(kind=fault, delay_seconds=100.0),
        )

    def members(self, now: float) -> set[str]:
        return self.state.members("vip", now).get("EMAIL_HASH", set())

    def statuses(self, now: float) -> list[str]:
        return [view.status for view in self.state.upload_views(now)]

    def breaches(self) -> list[BreachKind]:
        return [breach.kind for breach in self.state.breaches]


def test_an_upload_is_pending_then_running_then_finished() -> None:
    world = World()
    world.store(0.0, "ADD", A)

    assert world.statuses(4.9) == ["Pending"]
    assert world.statuses(5.0) == ["Running"]
    assert world.statuses(9.9) == ["Running"]
    assert world.statuses(10.0) == ["Finished"]


def test_rows_reach_the_audience_only_when_the_upload_is_finished() -> None:
    world = World()
    world.store(0.0, "ADD", A, B)

    assert world.members(9.9) == set()
    assert world.members(10.0) == {A, B}


def test_a_remove_takes_its_rows_out_and_a_type_without_members_is_left_out() -> None:
    world = World()
    world.store(0.0, "ADD", A)
    world.store(10.0, "REMOVE", A, B)

    assert world.state.members("vip", 20.0) == {}


def test_the_times_of_an_upload_are_those_at_which_things_happened_not_at_which_one_looked() -> (
    None
):
    world = World()
    world.store(100.0, "ADD", A)

    (view,) = world.state.upload_views(1000.0)
    assert (view.stored_at, view.finished_at) == (100.0, 110.0)
    assert (view.rows, view.invalid, view.audience_name) == (1, 0, "vip")


def test_a_slow_upload_is_overtaken_and_applied_last() -> None:
    world = World()
    world.store(0.0, "ADD", A, fault=FaultKind.SLOW_UPLOAD)
    world.store(1.0, "REMOVE", A)

    assert world.members(50.0) == set()
    assert world.members(110.0) == {A}
    assert world.breaches() == [
        BreachKind.TWO_UNFINISHED_UPLOADS,
        BreachKind.ADD_AND_REMOVE_UNFINISHED,
    ]


def test_uploads_that_finish_between_two_looks_are_applied_in_the_order_they_finish() -> None:
    world = World()
    world.store(0.0, "ADD", A, fault=FaultKind.SLOW_UPLOAD)
    world.store(1.0, "REMOVE", A)

    assert world.members(1000.0) == {A}


def test_an_upload_that_ends_as_error_is_not_applied() -> None:
    world = World()
    world.store(0.0, "ADD", A, fault=FaultKind.UPLOAD_ERROR)

    assert world.statuses(9.9) == ["Running"]
    assert world.statuses(10.0) == ["Error"]
    assert world.members(1000.0) == set()
    assert world.state.upload_views(1000.0)[0].finished_at == 10.0


def test_a_lost_upload_is_neither_listed_nor_applied_nor_in_anyones_way() -> None:
    world = World()
    world.store(0.0, "ADD", A, fault=FaultKind.NEVER_LISTED)
    world.store(1.0, "REMOVE", A)

    assert len(world.state.uploads.of(world.vip)) == 1
    assert world.statuses(1000.0) == ["Lost", "Finished"]
    assert world.members(1000.0) == set()
    assert world.breaches() == []


@pytest.mark.parametrize(
    ("fault", "shown"), [(FaultKind.STUCK, "Pending"), (FaultKind.UNKNOWN_STATUS, "Paused")]
)
def test_a_held_upload_begins_when_it_is_released(fault: FaultKind, shown: str) -> None:
    world = World()
    world.store(0.0, "ADD", A, fault=fault)

    assert world.statuses(1000.0) == [shown]

    world.state.uploads.release(1000.0)

    assert world.statuses(1005.0) == ["Running"]
    assert world.members(1010.0) == {A}


def test_a_release_does_not_touch_uploads_under_way() -> None:
    world = World()
    world.store(0.0, "ADD", A)
    world.state.uploads.release(9.0)

    assert world.statuses(10.0) == ["Finished"]


def test_unfinished_uploads_of_different_audiences_are_no_breach() -> None:
    world = World()
    world.store(0.0, "ADD", A)
    world.store(0.0, "REMOVE", A, audience=world.add("other"))

    assert world.breaches() == []


def test_the_next_upload_after_a_finished_one_is_no_breach() -> None:
    world = World()
    world.store(0.0, "ADD", A)
    world.store(10.0, "REMOVE", A)

    assert world.breaches() == []


def test_two_unfinished_uploads_of_other_identifiers_are_one_breach() -> None:
    world = World()
    world.store(0.0, "ADD", A)
    world.store(0.0, "REMOVE", B)
    world.store(0.0, "REMOVE", C)

    assert world.breaches() == [BreachKind.TWO_UNFINISHED_UPLOADS] * 3


def test_a_signed_url_is_good_until_it_expires() -> None:
    world = World()
    request = UploadRequest(audience=world.vip, action="ADD", identifier_type="AAID")
    world.state.uploads.mint("k", request, 0.0)

    with pytest.raises(Refused):
        world.state.uploads.claim("k", 60.0)
    assert world.state.uploads.claim("k", 59.9) is request
    assert world.breaches() == []


def test_nothing_that_prints_shows_a_member_a_token_or_an_address() -> None:
    world = World()
    world.store(0.0, "ADD", A)
    request = UploadRequest(
        audience=world.vip, action="ADD", identifier_type="AAID", notification_email="x@example.com"
    )
    world.members(10.0)

    printed = f"{world.vip!r}{request!r}{OPTIONS!r}{world.state.upload_views(10.0)!r}"
    assert A not in printed
    assert "x@example.com" not in printed
    assert OPTIONS.token not in printed


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 30.0),
            st.sampled_from(["ADD", "REMOVE"]),
            st.sets(st.sampled_from([A, B, C])),
        ),
        max_size=8,
    ),
    st.lists(st.floats(0.0, 300.0), max_size=4),
)
def test_however_often_one_looks_uploads_apply_in_the_order_they_were_stored(
    uploads: list[tuple[float, str, set[str]]], looks: list[float]
) -> None:
    world, now = World(), 0.0
    expected: set[str] = set()
    for pause, action, rows in uploads:
        now += pause
        world.store(now, action, *sorted(rows))
        expected = expected | rows if action == "ADD" else expected - rows
    for look in sorted(looks):
        world.members(now + look)

    assert world.members(now + 300.0) == expected


def test_actions_that_are_neither_add_nor_remove_cannot_be_set_up() -> None:
    with pytest.raises(ValueError, match="actions"):
        SandboxOptions(actions=("ADD", "REPLACE"))
    with pytest.raises(ValueError, match="name_filter"):
        SandboxOptions(name_filter="integer")


def test_a_status_no_audience_has_cannot_be_set_up() -> None:
    with pytest.raises(ValueError, match="Active, Archived, Deleted"):
        World().state.audiences.add("x", status="Gone", account_id=None, created_at=0.0)
