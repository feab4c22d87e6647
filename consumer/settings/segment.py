"""Settings of Segment's side: how events are read."""

from pathlib import Path

from pydantic import DirectoryPath, Field, FilePath, ValidationInfo, field_validator

from consumer.choices import EventFormat
from consumer.settings.feed import Feed
from consumer.settings.parsing import (
    Count,
    EncryptedUrl,
    HeaderSecret,
    HeaderWord,
    Line,
    Names,
    SecretLine,
    Urls,
)
from consumer.settings.part import SECRET, Part
from consumer.settings.secret import Secret
from consumer.settings.tls_files import CaFile, check_certificate

NEED_A_REGISTRY = frozenset({EventFormat.AVRO_CONFLUENT, EventFormat.DETECT})
"""The formats whose values may name their schema as a registry does."""


class EventSettings(Part):
    """Reading events."""

    event_format: EventFormat = Field(
        default=EventFormat.AVRO_CONFLUENT,
        description="How a record's value holds the event, or its events: see docs/feeds.md. `detect` tells all but "
        "`avro-bare` apart by how they begin.",
    )
    event_feeds_file: tuple[Feed, ...] = Field(
        default=(),
        description="TOML file for topics in another format than EVENT_FORMAT: [[feed]] tables with topics, format "
        "and, for avro-bare, schema_file.",
    )
    event_schema_file: FilePath | None = Field(
        default=None,
        description="Avro schema (.avsc) that the values of avro-bare were written with. Required when EVENT_FORMAT is "
        "avro-bare.",
    )
    event_mapping: Line = Field(
        default="segment-json",
        description="Where in a value the parts of an event are: a mapping that comes with the program (segment-json, "
        "segment-event-v1, map-of-unions, map-of-strings, rudderstack, segment-warehouse-identifies, "
        "segment-warehouse-tracks), or the path of a TOML file; see docs/feeds.md.",
    )
    event_max_bytes: Count = Field(
        default=1_000_000,
        description="Largest record value that is decoded; a larger one goes to the dead-letter topic. A container "
        "file must not hold more when it is unpacked.",
    )
    event_record_names: Names = Field(
        default=(),
        description="Full names of the Avro records that are taken, between commas; a record of another name goes to the "
        "dead-letter topic. Unset: all.",
    )
    schema_registry_url: Urls | None = Field(
        default=None,
        description="Schema registry with the Confluent API. Required for avro-confluent and detect. Several addresses "
        "of one registry stand between commas: when one gives no answer, the next is asked.",
    )
    schema_registry_username: Line | None = Field(
        default=None,
        description="User name for the schema registry, with SCHEMA_REGISTRY_PASSWORD.",
    )
    schema_registry_password: SecretLine | None = Field(
        default=None,
        description="Password for the schema registry.",
        json_schema_extra=SECRET,
    )
    schema_registry_token: HeaderSecret | None = Field(
        default=None,
        description="Bearer token for the schema registry, instead of a user name and password.",
        json_schema_extra=SECRET,
    )
    schema_registry_oauth_url: EncryptedUrl | None = Field(
        default=None,
        description="Token endpoint for the schema registry (OAuth client credentials), instead of a password or a token.",
    )
    schema_registry_oauth_client_id: Line | None = Field(
        default=None,
        description="Client id at the token endpoint.",
    )
    schema_registry_oauth_client_secret: SecretLine | None = Field(
        default=None,
        description="Client secret at the token endpoint.",
        json_schema_extra=SECRET,
    )
    schema_registry_oauth_scope: Line | None = Field(
        default=None,
        description="Scope to ask the token endpoint for.",
    )
    schema_registry_logical_cluster: HeaderWord | None = Field(
        default=None,
        description="Logical cluster (lsrc-...) of a registry in Confluent Cloud, which it needs with OAuth.",
    )
    schema_registry_identity_pool: HeaderWord | None = Field(
        default=None,
        description="Identity pool (pool-...) of a registry in Confluent Cloud, which it may need with OAuth.",
    )
    schema_registry_ca_file: CaFile | None = Field(
        default=None,
        description="Certificates (PEM) of the authorities to trust for the schema registry. Unset: the system's.",
    )
    schema_registry_certificate_file: FilePath | None = Field(
        default=None,
        description="Our certificate (PEM) for a schema registry that asks for one. Read again when it changes.",
    )
    schema_registry_key_file: FilePath | None = Field(
        default=None,
        description="Private key (PEM, not encrypted) of SCHEMA_REGISTRY_CERTIFICATE_FILE. Unset: in the same file.",
    )
    schemas_directory: DirectoryPath | None = Field(
        default=None,
        description="Directory of Avro schemas (.avsc) to read single objects with. Unset: the schemas "
        "shipped with the program.",
    )

    @field_validator("schema_registry_url")
    @classmethod
    def _present_when_needed(
        cls, urls: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        if urls is not None:
            return urls
        feeds = info.data.get("event_feeds_file", ())
        if info.data.get("event_format") is EventFormat.AVRO_CONFLUENT:
            raise ValueError(
                "is required when EVENT_FORMAT is avro-confluent, the default: URL of the schema registry"
            )
        if info.data.get("event_format") in NEED_A_REGISTRY or any(
            feed.format in NEED_A_REGISTRY for feed in feeds
        ):
            raise ValueError(
                "is required for avro-confluent and detect, in EVENT_FORMAT or in EVENT_FEEDS_FILE: URL of the "
                "schema registry"
            )
        return urls

    @field_validator("event_schema_file")
    @classmethod
    def _for_bare_avro(cls, path: FilePath | None, info: ValidationInfo) -> FilePath | None:
        event_format = info.data.get("event_format")
        if path is None and event_format is EventFormat.AVRO_BARE:
            raise ValueError(
                "is required when EVENT_FORMAT is avro-bare: its values name no schema"
            )
        if path is not None and event_format not in (None, EventFormat.AVRO_BARE):
            raise ValueError(
                "is for EVENT_FORMAT avro-bare only: other formats say which schema they have"
            )
        return path

    @field_validator("schema_registry_password")
    @classmethod
    def _with_a_user_name(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        user_name = info.data.get("schema_registry_username")
        if (password is None) != (user_name is None) and "schema_registry_username" in info.data:
            raise ValueError("and SCHEMA_REGISTRY_USERNAME must be set together")
        return password

    @field_validator("schema_registry_token")
    @classmethod
    def _instead_of_a_password(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        if token is not None and info.data.get("schema_registry_username") is not None:
            raise ValueError(
                "must not be set together with SCHEMA_REGISTRY_USERNAME: use one of them"
            )
        return token

    @field_validator("schema_registry_oauth_url")
    @classmethod
    def _one_way_to_authenticate(cls, url: str | None, info: ValidationInfo) -> str | None:
        for other in ("schema_registry_username", "schema_registry_token"):
            if url is not None and info.data.get(other) is not None:
                message = f"must not be set together with {other.upper()}: use one of them"
                raise ValueError(message)
        return url

    @field_validator("schema_registry_oauth_client_secret")
    @classmethod
    def _whole_client(cls, secret: Secret | None, info: ValidationInfo) -> Secret | None:
        others = ("schema_registry_oauth_url", "schema_registry_oauth_client_id")
        given = {info.data[name] is not None for name in others if name in info.data}
        if given | {secret is not None} == {True, False}:
            raise ValueError(
                "and SCHEMA_REGISTRY_OAUTH_URL and SCHEMA_REGISTRY_OAUTH_CLIENT_ID must be set together"
            )
        return secret

    @field_validator(
        "schema_registry_oauth_scope",
        "schema_registry_logical_cluster",
        "schema_registry_identity_pool",
    )
    @classmethod
    def _only_with_oauth(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and info.data.get("schema_registry_oauth_url", "") is None:
            raise ValueError("is used only with SCHEMA_REGISTRY_OAUTH_URL, which is not set")
        return text

    @field_validator("schema_registry_key_file")
    @classmethod
    def _of_the_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("schema_registry_certificate_file")
        if certificate is not None:
            check_certificate(certificate, key)
        elif key is not None and "schema_registry_certificate_file" in info.data:
            raise ValueError("is used only with SCHEMA_REGISTRY_CERTIFICATE_FILE, which is not set")
        return key
