"""Where everything is, from the environment, and the two numbers every peer batches by."""

import os
from dataclasses import dataclass

BATCH_SECONDS = 1
"""How long a change may wait for others; our own service gets the same as FLUSH_SECONDS."""
BATCH_RECORDS = 5_000
"""How many records make a batch before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Addresses, names and the (made up) token. Nothing here is printed."""

    bootstrap_servers: str
    topic: str
    group: str
    session_ms: int
    registry_url: str
    liveintent_url: str
    token: str
    account_id: int
    data_provider_id: int


def surroundings() -> Surroundings:
    """Read them. Raises KeyError naming what is missing."""
    return Surroundings(
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        topic=os.environ["KAFKA_TOPIC"],
        group=os.environ["KAFKA_GROUP_ID"],
        session_ms=int(os.environ["KAFKA_SESSION_MS"]),
        registry_url=os.environ["SCHEMA_REGISTRY_URL"],
        liveintent_url=os.environ["LIVEINTENT_URL"],
        token=os.environ["LIVEINTENT_API_KEY"],
        account_id=int(os.environ["LIVEINTENT_ACCOUNT_ID"]),
        data_provider_id=int(os.environ["LIVEINTENT_DATA_PROVIDER_ID"]),
    )
