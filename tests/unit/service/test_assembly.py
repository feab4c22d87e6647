from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from consumer.kafka.record_listener import IntakeLimits
from consumer.kafka.record_weight import UNFINISHED_BYTES
from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.segment.framing import RegistryId
from consumer.segment.schemas import LoadedSchema
from consumer.service.assembly import _dead_letter_limit, _intake_limits
from consumer.service.from_settings import stalled_after_seconds
from consumer.service.schemas import schemas_for
from consumer.settings import load_settings
from consumer.telemetry.metrics import Metrics
from tests.unit.settings_builders import COMPLETE

MEBIBYTE = 2**20
A_SCHEMA = {"type": "record", "name": "Event", "fields": [{"name": "type", "type": "string"}]}


def test_with_the_usual_budget_the_usual_amount_may_wait_for_its_turn() -> None:
    assert _intake_limits(128 * MEBIBYTE) == IntakeLimits()


@pytest.mark.parametrize("budget_mb", [16, 32, 64])
def test_what_waits_for_its_turn_weighs_a_quarter_of_a_small_budget_at_most(budget_mb: int) -> None:
    limits = _intake_limits(budget_mb * MEBIBYTE)

    weight = limits.size_bytes + limits.records * UNFINISHED_BYTES
    assert weight <= budget_mb * MEBIBYTE / 4
    assert limits.records > 500


def test_a_dead_letter_limit_of_0_means_none() -> None:
    unlimited = load_settings({**COMPLETE, "DEAD_LETTER_LIMIT": "0"})
    limited = load_settings({**COMPLETE, "DEAD_LETTER_LIMIT": "7"})

    limit = _dead_letter_limit(limited)
    assert _dead_letter_limit(unlimited) is None
    assert limit is not None
    assert (limit.count, limit.per_seconds) == (7, 600)


@pytest.mark.parametrize(
    ("registry", "credentials"),
    [
        (SchemaRegistrySandbox(), {}),
        (SchemaRegistrySandbox(bearer_token="a-token"), {"SCHEMA_REGISTRY_TOKEN": "a-token"}),
        (
            SchemaRegistrySandbox(basic_auth=("reader", "a-password")),
            {"SCHEMA_REGISTRY_USERNAME": "reader", "SCHEMA_REGISTRY_PASSWORD": "a-password"},
        ),
    ],
    ids=["nobody", "token", "password"],
)
async def test_schemas_come_from_the_registry_with_the_credentials_that_were_set(
    registry: SchemaRegistrySandbox, credentials: dict[str, str]
) -> None:
    async with registry, AsyncExitStack() as stack:
        schema_id = registry.register("events-value", A_SCHEMA)
        settings = load_settings({**COMPLETE, "SCHEMA_REGISTRY_URL": registry.url, **credentials})
        schemas = await schemas_for(settings, stack, Metrics(CollectorRegistry()))

        assert schemas is not None
        assert isinstance(await schemas.load(RegistryId(schema_id)), LoadedSchema)


def test_a_partition_may_stand_still_for_two_flushes_and_what_liveintent_takes_to_list_a_file() -> (
    None
):
    chosen = {**COMPLETE, "STALLED_AFTER_SECONDS": "7200"}
    fast = {**COMPLETE, "FLUSH_SECONDS": "5", "UPLOAD_LIST_DEADLINE_SECONDS": "100"}

    assert stalled_after_seconds(load_settings(COMPLETE)) == 2 * 60 + 900
    assert stalled_after_seconds(load_settings(fast)) == 110
    assert stalled_after_seconds(load_settings(chosen)) == 7200
