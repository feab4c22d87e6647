from datetime import UTC, datetime

from consumer.cli.audiences_serving import Serving, absent_keys, servings
from consumer.cli.audiences_source import AudienceSettings, served_rows
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.settings import load_part


def settings(**more: str) -> AudienceSettings:
    return load_part(
        AudienceSettings,
        {
            "LIVEINTENT_URL": "http://127.0.0.1:9",
            "LIVEINTENT_API_KEY": "invented",
            "LIVEINTENT_ACCOUNT_ID": "7001",
            "LIVEINTENT_DATA_PROVIDER_ID": "84",
            "LIVEINTENT_AUDIENCES": "",
            **more,
        },
    )


def a_row(number: int, name: str, *, status: str = "Active", year: int = 2026) -> AudienceRow:
    return AudienceRow(AudienceId(number), name, 7001, 84, status, datetime(year, 1, 1, tzinfo=UTC))


def served(rows: list[AudienceRow], **more: str) -> dict[int, Serving]:
    return {int(number): each for number, each in servings(rows, settings(**more)).items()}


def test_of_several_with_one_name_the_earliest_created_active_one_is_in_use() -> None:
    rows = [
        a_row(1, "vip", status="Archived", year=2020),
        a_row(2, "vip", year=2025),
        a_row(3, "vip", year=2024),
        a_row(4, "other"),
    ]

    assert served(rows, LIVEINTENT_AUDIENCES="vip") == {
        1: Serving("vip", in_use=False),
        2: Serving("vip", in_use=False),
        3: Serving("vip", in_use=True),
    }


def test_the_prefix_is_no_part_of_the_key() -> None:
    rows = [a_row(1, "eu_vip"), a_row(2, "vip"), a_row(3, "eu_")]
    every = {"LIVEINTENT_AUDIENCES": "*", "LIVEINTENT_AUDIENCE_NAME_PREFIX": "eu_"}

    assert served(rows, **every) == {1: Serving("vip", in_use=True)}


def test_an_id_that_is_set_wins_over_the_name() -> None:
    rows = [a_row(1, "vip"), a_row(2, "Renamed")]
    by_id = {"LIVEINTENT_AUDIENCES": "vip", "LIVEINTENT_AUDIENCE_IDS": "vip=2"}

    assert served(rows, **by_id) == {
        1: Serving("vip", in_use=False),
        2: Serving("vip", in_use=True),
    }


def test_what_the_settings_name_and_liveintent_has_not_is_absent() -> None:
    rows = [a_row(1, "vip"), a_row(2, "gone", status="Deleted"), a_row(3, "old", status="Archived")]

    assert absent_keys(rows, settings(LIVEINTENT_AUDIENCES="vip,gone,old,new")) == ["gone", "new"]


def test_what_we_serve_is_what_the_settings_name() -> None:
    rows = [a_row(1, "vip"), a_row(2, "carts"), a_row(3, "Renamed")]

    def ids(**more: str) -> list[int]:
        return [row.id for row in served_rows(settings(**more), rows)]

    assert ids() == []
    assert ids(LIVEINTENT_AUDIENCES="vip") == [1]
    assert ids(LIVEINTENT_AUDIENCES="*") == [1, 2, 3]
    assert ids(LIVEINTENT_AUDIENCES="vip,new", LIVEINTENT_AUDIENCE_IDS="new=3") == [1, 3]
