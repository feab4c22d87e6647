"""What a check found, for people and for programs."""

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """Nothing stands in the way, but somebody should know; or it could not be looked at."""
    FAILED = "failed"


class Check(StrEnum):
    """What is looked at; the value is the field `check` of the output."""

    SETTINGS = "settings"
    KAFKA = "kafka"
    GROUP = "group"
    TOPIC = "topic"
    DEAD_LETTER_TOPIC = "dead_letter_topic"
    START = "start"
    SCHEMA_REGISTRY = "schema_registry"
    SCHEMAS = "schemas"
    LIVEINTENT = "liveintent"
    AUDIENCE = "audience"
    LOOKUP = "lookup"
    UPLOAD = "upload"
    PRIVACY = "privacy"
    DIRECT_CALLS = "direct_calls"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the output. `subject` is which topic, audience or upload; `advice` is what to do about it."""

    check: Check
    result: Result
    detail: str
    subject: str | None = None
    advice: str | None = None


def ok(check: Check, detail: str, *, subject: str | None = None) -> Finding:
    """All is well."""
    return Finding(check, Result.OK, detail, subject)


def warning(
    check: Check, detail: str, *, subject: str | None = None, advice: str | None = None
) -> Finding:
    """Worth knowing."""
    return Finding(check, Result.WARNING, detail, subject, advice)


def failed(
    check: Check, detail: str, *, subject: str | None = None, advice: str | None = None
) -> Finding:
    """The service would not run, or would not deliver, as things are."""
    return Finding(check, Result.FAILED, detail, subject, advice)
