from datetime import UTC, datetime

import pytest

from consumer.choices import FirstStart
from consumer.errors import SettingsError
from consumer.settings import ReplaySettings, load_part, load_settings

MORNING, NOON = "2026-11-22T08:00:00Z", "2026-11-22T12:00:00Z"


def load(**environ: str) -> ReplaySettings:
    return load_part(ReplaySettings, environ)


def test_a_replay_beside_the_live_group_is_off_unless_it_has_a_name() -> None:
    assert load().replay_id is None


def test_a_replay_has_a_name_a_beginning_and_perhaps_an_end() -> None:
    settings = load(REPLAY_ID="lost-afternoon", REPLAY_FROM=MORNING, REPLAY_TO=NOON)

    assert settings.replay_from == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert settings.replay_to == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert load(REPLAY_ID="a", REPLAY_FROM="earliest").replay_from is FirstStart.EARLIEST


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"REPLAY_ID": "a"}, "REPLAY_FROM must say where the replay of REPLAY_ID begins"),
        ({"REPLAY_ID": "Not an id", "REPLAY_FROM": "earliest"}, "lower-case letters"),
        ({"REPLAY_FROM": MORNING}, "REPLAY_FROM needs a REPLAY_ID"),
        ({"REPLAY_TO": NOON}, "REPLAY_TO needs a REPLAY_FROM"),
        ({"REPLAY_ID": "a", "REPLAY_FROM": "latest"}, "must be earliest, or a date and time"),
        (
            {"REPLAY_ID": "a", "REPLAY_FROM": MORNING, "REPLAY_TO": "latest"},
            "REPLAY_TO must be a date and time with its zone",
        ),
        ({"REPLAY_ID": "a", "REPLAY_FROM": NOON, "REPLAY_TO": MORNING}, "later than REPLAY_FROM"),
        ({"REPLAY_ID": "a", "REPLAY_FROM": "2026-11-22T08:00:00"}, "with its zone"),
    ],
)  # fmt: skip
def test_what_would_replay_something_else_is_refused(environ: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        load(**environ)


def test_a_replay_beside_the_live_group_must_know_what_is_finished() -> None:
    needed = {
        "LIVEINTENT_URL": "https://example.com", "LIVEINTENT_API_KEY": "x", "LIVEINTENT_ACCOUNT_ID": "1",
        "LIVEINTENT_DATA_PROVIDER_ID": "1", "LIVEINTENT_AUDIENCES": "*", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
        "KAFKA_TOPICS": "events", "KAFKA_GROUP_ID": "service", "EVENT_FORMAT": "json",
        "REPLAY_ID": "a", "REPLAY_FROM": "earliest",
    }  # fmt: skip

    assert load_settings(needed).replay_id == "a"
    with pytest.raises(SettingsError, match="REPLAY_ID needs DELIVERY_ACK=finished"):
        load_settings({**needed, "DELIVERY_ACK": "stored"})
