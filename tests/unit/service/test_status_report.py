import json
import time
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, cast

from consumer.audience.lanes import FlushPolicy, Lanes
from consumer.audience.latest_state import LatestState
from consumer.audience.membership import Action, AudienceKey, IdentifierType
from consumer.kafka.offset_ledger import Entry
from consumer.liveintent.exchange import Blocked, Health
from consumer.liveintent.upload_outcome import Host
from consumer.liveintent.uploader import Activity, UploadStage
from consumer.service.assembly import Parts
from consumer.service.status_report import hosts_status, replay_status, worst_lanes
from consumer.settings import load_settings
from consumer.telemetry.status import LANES_SHOWN, HostStatus, LaneTotals, ReplayStatus
from tests.builders import a_change, an_email
from tests.unit.settings_builders import COMPLETE

NOW = 1_000.0
AN_ENTRY = cast("Entry", object())


def some_parts(
    audiences: int, *, refused: tuple[int, ...] = (), uploading: dict[int, float] | None = None
) -> Parts:
    """Audiences by number. `uploading` says since when."""
    lanes: Lanes[Any] = Lanes(FlushPolicy(60.0, 1000), LatestState(10))
    names = [AudienceKey(f"audience_{number:05}") for number in range(audiences)]
    for name in names:  # met, and nothing waits any more
        lanes.offer(a_change(audience=name), AN_ENTRY, now=NOW)
    lanes.release(lambda _: True)
    activity = {
        names[number]: Activity(
            UploadStage.PENDING, since, 1, Action.ADD, IdentifierType.EMAIL_HASH
        )
        for number, since in (uploading or {}).items()
    }
    return cast(
        "Parts",
        SimpleNamespace(
            delivery=SimpleNamespace(
                lanes=lanes, refused={names[each]: "it is archived" for each in refused}
            ),
            uploader=SimpleNamespace(activity=activity, counted={}),
            directory=SimpleNamespace(mappings={}),
        ),
    )


def wait(parts: Parts, number: int, *hashes: str) -> None:
    audience = AudienceKey(f"audience_{number:05}")
    for each in hashes:
        change = a_change(identifier=an_email(each), audience=audience)
        parts.delivery.lanes.offer(change, AN_ENTRY, now=NOW)


def test_the_worst_audiences_come_first_refused_then_slow_then_full() -> None:
    parts = some_parts(8, refused=(5,), uploading={3: NOW - 9, 6: NOW - 90})
    wait(parts, 7, "a", "b")
    wait(parts, 2, "c")

    lanes, _ = worst_lanes(parts, 5, now=NOW)

    assert [int(lane.audience[-5:]) for lane in lanes] == [5, 6, 3, 7, 2]
    assert [lane.stage_seconds for lane in lanes[:3]] == [None, 90, 9]


def test_audiences_that_are_not_listed_are_counted() -> None:
    parts = some_parts(8, refused=(1, 2), uploading={3: NOW})
    wait(parts, 7, "a")

    lanes, totals = worst_lanes(parts, 1, now=NOW)

    assert len(lanes) == 1
    assert totals == LaneTotals(
        audiences=8,
        refused=2,
        uploading=1,
        waiting_changes=1,
        in_flight_changes=0,
    )


def test_ten_thousand_audiences_make_no_long_status() -> None:
    parts = some_parts(10_000, refused=tuple(range(40)), uploading=dict.fromkeys(range(300), NOW))
    began = time.process_time()

    lanes, totals = worst_lanes(parts, LANES_SHOWN, now=NOW)

    # Some 10 ms where this was written; the event loop stands still meanwhile.
    assert time.process_time() - began < 1.0
    assert len(json.dumps([asdict(lane) for lane in lanes])) < 32_768
    assert (len(lanes), totals.audiences, totals.refused) == (LANES_SHOWN, 10_000, 40)


def test_each_host_says_the_first_thing_that_holds_it_back() -> None:
    obstacles = (
        Health(Blocked.UNAUTHORISED, Host.API, 60.0, 5.0, "401"),
        Health(Blocked.ASKED_TO_WAIT, Host.API, 1.0, 2.0, "429"),
    )
    exchange = SimpleNamespace(hosts=(Host.API, Host.STORAGE), obstacles=obstacles)
    direct = SimpleNamespace(exchanges=(SimpleNamespace(hosts=(Host.COLLECTOR,), obstacles=()),))
    settings = load_settings(
        {**COMPLETE, "LIVEINTENT_REQUESTS_PER_SECOND": "5", "LIVEINTENT_CONCURRENCY": "3"}
    )
    parts = cast("Parts", SimpleNamespace(exchange=exchange, direct=direct))

    assert hosts_status(parts, settings) == (
        HostStatus("api", "unauthorised", 60.0, 5.0, 5.0, 3),
        HostStatus("storage", "free", requests_per_second=5.0, concurrency=3),
        HostStatus("collector", "free"),
    )


def test_replays_are_named_and_those_by_hand_are_not() -> None:
    def status(*under_way: str) -> ReplayStatus | None:
        replays = SimpleNamespace(under_way=frozenset(under_way), records_left=7)
        return replay_status(cast("Parts", SimpleNamespace(replays=replays)))

    assert status() is None
    assert status("") == ReplayStatus((), 7)
    assert status("two", "", "one") == ReplayStatus(("one", "two"), 7)
