"""Where the schemas of Segment's events come from: the schema registry, or a directory."""

import asyncio

import aiohttp

from consumer.cli.checks.findings import Check, Finding, failed, ok
from consumer.errors import SettingsError
from consumer.segment.registry_client import (
    Found,
    NotFound,
    RegistryClient,
)
from consumer.segment.schemas import LocalSchemas, default_schemas_directory
from consumer.service.from_settings import registry_authorization
from consumer.settings import EventFormat, EventSettings

# The greatest there can be. A registry of Confluent's kind answers that it has none, to those it lets in: the same
# request the service makes, and every such registry knows it, while not all list subjects or types.
_UNUSED_SCHEMA = 2**31 - 1
_NO_REGISTRY = "not a registry's answer"
_NO_ANSWER = "no answer in time"


async def schema_finding(settings: EventSettings, *, seconds: float) -> Finding:
    """Look at where EVENT_FORMAT finds its schemas, waiting at most `seconds` for the answer."""
    match settings.event_format:
        case EventFormat.AVRO_CONFLUENT:
            return await _registry(settings, seconds)
        case EventFormat.AVRO_SINGLE_OBJECT:
            return await asyncio.to_thread(_directory, settings)
        case EventFormat.JSON:
            return ok(Check.SCHEMAS, "none needed: EVENT_FORMAT is json")


def _directory(settings: EventSettings) -> Finding:
    directory = settings.schemas_directory or default_schemas_directory()
    try:
        LocalSchemas.from_directory(directory)
    except SettingsError as error:
        return failed(
            Check.SCHEMAS, str(error), advice="Correct SCHEMAS_DIRECTORY or what is in it."
        )
    except OSError as error:
        why = error.strerror or type(error).__name__
        return failed(
            Check.SCHEMAS,
            f"{directory} cannot be read: {why}",
            advice="Let our user read SCHEMAS_DIRECTORY.",
        )
    return ok(Check.SCHEMAS, f"every schema in {directory} can be used")


async def _registry(settings: EventSettings, seconds: float) -> Finding:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = RegistryClient(
            session,
            settings.schema_registry_url or "",
            authorization=registry_authorization(settings),
            timeout_seconds=seconds,
        )
        answer = await client.get(f"/schemas/ids/{_UNUSED_SCHEMA}")
    if isinstance(answer, Found | NotFound):
        return ok(Check.SCHEMA_REGISTRY, "answers, and lets us read")
    reason = answer.reason
    told = reason.startswith("HTTP ") or reason in {_NO_REGISTRY, _NO_ANSWER}
    return failed(
        Check.SCHEMA_REGISTRY,
        reason if told else f"no connection ({reason})",
        advice=_advice(reason),
    )


def _advice(reason: str) -> str:
    if reason in {"HTTP 401", "HTTP 403"}:
        return (
            "Check SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN, "
            "and that they may read schemas."
        )
    if reason in {"HTTP 404", _NO_REGISTRY}:
        return "Check SCHEMA_REGISTRY_URL: what answers there is no registry with the Confluent API. A path may be missing."
    return (
        "Check SCHEMA_REGISTRY_URL, and that the registry runs and this machine may connect to it."
    )
