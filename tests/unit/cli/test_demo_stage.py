from dataclasses import dataclass, field
from typing import cast

from consumer.cli import demo_view
from consumer.cli.demo_stage import audience_views, members_at
from consumer.sandbox.liveintent_server import AudienceView, LiveIntentSandbox, UploadView
from consumer.telemetry.status import LaneStatus


@dataclass
class Held:
    """As much of the stand-in as is looked at."""

    found: list[AudienceView] = field(default_factory=list)
    files: list[UploadView] = field(default_factory=list)

    def audiences(self) -> list[AudienceView]:
        return self.found

    def uploads(self) -> list[UploadView]:
        return self.files

    def members(self, audience_name: str) -> dict[str, set[str]]:
        return {"EMAIL_HASH": {audience_name}}


def holding(*files: UploadView, audiences: tuple[str, ...] = ("vip",)) -> LiveIntentSandbox:
    found = [
        AudienceView(id=i, name=name, status="Active", created_at=0.0, member_count=10)
        for i, name in enumerate(audiences)
    ]
    return cast("LiveIntentSandbox", Held(found, list(files)))


def a_file(action: str, rows: int, *, finished_at: float | None = 1.0) -> UploadView:
    return UploadView(
        audience_id=0,
        audience_name="vip",
        action=action,
        identifier_type="EMAIL_HASH",
        status="Finished",
        rows=rows,
        invalid=0,
        stored_at=0.0,
        finished_at=finished_at,
        upload_name=None,
    )


def test_finished_rows_count_by_action_and_files_at_once() -> None:
    sandbox = holding(
        a_file("ADD", 3), a_file("add", 4), a_file("REMOVE", 2), a_file("ADD", 9, finished_at=None)
    )

    assert audience_views(sandbox, ()) == (
        demo_view.AudienceView("vip", members=10, added=7, removed=2, uploads=4),
    )


def test_an_audience_that_only_waits_is_shown_too() -> None:
    lanes = (LaneStatus("new", waiting_changes=5, in_flight_changes=2), LaneStatus("vip"))

    assert audience_views(holding(), lanes) == (
        demo_view.AudienceView("new", waiting=5, in_flight=2),
        demo_view.AudienceView("vip", members=10),
    )


def test_members_are_asked_for_every_audience_there_is() -> None:
    assert members_at(holding(audiences=("vip", "surprise"))) == {
        "vip": {"EMAIL_HASH": {"vip"}},
        "surprise": {"EMAIL_HASH": {"surprise"}},
    }
