"""The schemas that events are read by, as the settings have them."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from consumer.segment.patient_registry import PatientRegistry
from consumer.segment.schema_registry import RegistrySchemas
from consumer.segment.schemas import LocalSchemas, Schemas, default_schemas_directory
from consumer.segment.schemas_by_kind import SchemasByKind
from consumer.service.feeds import NEED_A_DIRECTORY, formats_of
from consumer.service.registry import registry_client
from consumer.settings import EventSettings
from consumer.settings.segment import NEED_A_REGISTRY
from consumer.telemetry.metrics import Metrics


async def schemas_for(
    settings: EventSettings, stack: AsyncExitStack, metrics: Metrics | None
) -> Schemas | None:
    """Where the configured formats find schemas that values name; None when none does."""
    formats = formats_of(settings)
    registry = local = None
    if formats & NEED_A_REGISTRY:
        client = await registry_client(settings, stack, metrics)
        registry = RegistrySchemas(PatientRegistry(client), metrics=metrics)
    if formats & NEED_A_DIRECTORY:
        local = await asyncio.to_thread(_local_schemas, settings.schemas_directory)
    if registry is not None and local is not None:
        return SchemasByKind(registry=registry, local=local)
    return registry or local


def _local_schemas(directory: Path | None) -> LocalSchemas:
    return LocalSchemas.from_directory(directory or default_schemas_directory())
