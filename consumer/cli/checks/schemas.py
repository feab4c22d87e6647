"""Where the schemas of Segment's events come from: the schema registry, or a directory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

from consumer.cli.checks.findings import Check, Finding, failed, ok
from consumer.errors import SettingsError
from consumer.segment.registry_answers import Trouble, Unavailable
from consumer.segment.schemas import LocalSchemas, default_schemas_directory
from consumer.service.feeds import (
    NEED_A_DIRECTORY,
    NEED_SCHEMAS,
    bare_schemas,
    formats_of,
    schema_files_of,
)
from consumer.service.registry import authentication_in_words, registry_client
from consumer.settings import EventFormat, EventSettings
from consumer.settings.segment import NEED_A_REGISTRY

# The greatest there can be. A registry of Confluent's kind answers that it has none, to those it lets in: the same
# request the service makes, and every such registry knows it, while not all list subjects or types.
_UNUSED_SCHEMA = 2**31 - 1


async def schema_findings(settings: EventSettings, *, seconds: float) -> AsyncIterator[Finding]:
    """Look at every place where some topic's format finds its schemas, each answer waited for at most `seconds`."""
    formats = formats_of(settings)
    if formats & NEED_A_REGISTRY:
        yield await _registry(settings, seconds)
    if formats & NEED_A_DIRECTORY:
        yield await asyncio.to_thread(_directory, settings)
    if schema_files_of(settings):
        yield await asyncio.to_thread(_files, settings)
    if not formats & NEED_SCHEMAS:
        words = (
            "its files bring theirs" if formats == {EventFormat.AVRO_CONTAINER} else "none needed"
        )
        yield ok(Check.SCHEMAS, f"{words}: EVENT_FORMAT is {settings.event_format}")


def _files(settings: EventSettings) -> Finding:
    try:
        bare_schemas(schema_files_of(settings))
    except SettingsError as error:
        return failed(
            Check.SCHEMAS,
            str(error),
            advice="Correct EVENT_SCHEMA_FILE, or schema_file in EVENT_FEEDS_FILE.",
        )
    return ok(Check.SCHEMAS, "every schema file of avro-bare can be used")


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
    async with AsyncExitStack() as stack:
        client = await registry_client(settings, stack, timeout_seconds=seconds)
        answer = await client.get(f"/schemas/ids/{_UNUSED_SCHEMA}")
    if not isinstance(answer, Unavailable):
        who = authentication_in_words(settings)
        where = client.url.partition("://")[2]
        return ok(Check.SCHEMA_REGISTRY, f"{where} answers, and lets us read {who}")
    connected = answer.trouble is not Trouble.NO_CONNECTION
    return failed(
        Check.SCHEMA_REGISTRY,
        answer.reason if connected else f"no connection ({answer.reason})",
        advice=_ADVICE[answer.trouble].format(who=_credentials(settings)),
    )


_ADVICE: Mapping[Trouble, str] = {
    Trouble.UNAUTHORISED: "The registry does not know us. Check {who}.",
    Trouble.FORBIDDEN: "The registry knows us and does not let us read. Give whoever {who} stand for the right "
    "to read schemas.",
    Trouble.TLS: "Check that SCHEMA_REGISTRY_URL names the host its certificate is for, that SCHEMA_REGISTRY_CA_FILE "
    "holds the authority that signed it, and SCHEMA_REGISTRY_CERTIFICATE_FILE ours if the registry asks for one.",
    Trouble.HUNG_UP: "It took our connection and closed it. Check that SCHEMA_REGISTRY_URL begins with https:// if it "
    "wants TLS, and set SCHEMA_REGISTRY_CERTIFICATE_FILE if it asks for a certificate.",
    Trouble.UNKNOWN_HOST: "Check the host in SCHEMA_REGISTRY_URL: no address is known for it here.",
    Trouble.TOKEN_ENDPOINT: "Check SCHEMA_REGISTRY_OAUTH_URL, SCHEMA_REGISTRY_OAUTH_CLIENT_ID, "
    "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET and SCHEMA_REGISTRY_OAUTH_SCOPE: no token could be had.",
    Trouble.NO_REGISTRY: "Check SCHEMA_REGISTRY_URL: what answers there is no registry with the Confluent API. "
    "A path may be missing: Apicurio's ends with /apis/ccompat/v7.",
    Trouble.REFUSED: "The registry refuses the request itself. Check SCHEMA_REGISTRY_URL, its path too.",
    Trouble.OUTAGE: "The registry or something before it is out of order. The service waits for it; look at its own log.",
} | dict.fromkeys(
    (Trouble.NO_ANSWER, Trouble.NO_CONNECTION, Trouble.NO_GUIDS),
    "Check SCHEMA_REGISTRY_URL, and that the registry runs and this machine may connect to it.",
)


def _credentials(settings: EventSettings) -> str:
    """The settings that say who we are, for people."""
    if settings.schema_registry_oauth_url is not None:
        return "SCHEMA_REGISTRY_OAUTH_CLIENT_ID and SCHEMA_REGISTRY_OAUTH_SCOPE"
    if settings.schema_registry_token is not None:
        return "SCHEMA_REGISTRY_TOKEN"
    if settings.schema_registry_certificate_file is not None:
        return "SCHEMA_REGISTRY_CERTIFICATE_FILE"
    return "SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN,"
