"""A complete environment, and what is wrong with it after some changes."""

import pytest

from consumer.errors import SettingsError
from consumer.settings import load_settings

COMPLETE = {
    "LIVEINTENT_URL": "https://audiences.example/",
    "LIVEINTENT_API_KEY": "a-token",
    "LIVEINTENT_ACCOUNT_ID": "12",
    "LIVEINTENT_DATA_PROVIDER_ID": "34",
    "LIVEINTENT_AUDIENCES": "vip_customers, cart_abandoners",
    "KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
    "KAFKA_TOPICS": "events",
    "KAFKA_GROUP_ID": "liveintent",
    "SCHEMA_REGISTRY_URL": "http://registry:8081",
}


def problems_with(changes: dict[str, str], *, without: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with a complete environment after these changes."""
    environ = {name: text for name, text in COMPLETE.items() if name not in without} | changes
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return list(caught.value.problems)
