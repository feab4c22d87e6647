"""Which environment variables are settings, and what to make of those that are not."""

import difflib
import re
from collections.abc import Iterable

from consumer.settings.model import Settings
from consumer.settings.part import is_secret

FILE_SUFFIX = "_FILE"
KAFKA_PROPERTIES_FILE = "KAFKA_PROPERTIES_FILE"

SETTING_NAMES = tuple(field.upper() for field in Settings.model_fields)
SECRET_NAMES = tuple(
    field.upper() for field, info in Settings.model_fields.items() if is_secret(info)
)
# Names that stand for a file: a secret's, and the one with more of KAFKA_PROPERTIES.
FILE_NAMES = (*(name + FILE_SUFFIX for name in SECRET_NAMES), KAFKA_PROPERTIES_FILE)
KNOWN_NAMES = (*SETTING_NAMES, *FILE_NAMES)

# Nothing else in a container uses these, so an unknown name that begins so is a slip.
_OUR_PREFIXES = (
    "DEAD_LETTER_",
    "DELIVERY_",
    "DIRECT_CALL",
    "DRAIN_",
    "EMAIL_HASH",
    "EVENT_",
    "FLUSH_",
    "LATEST_STATE_",
    "LIVEINTENT_",
    "MEMBERSHIP_",
    "MEMORY_BUDGET",
    "PRIVACY_",
    "REPLAY_",
    "SCHEMA_REGISTRY_",
    "SCHEMAS_",
    "SEGMENT_",
    "TRACING_",
    "UPLOAD_",
)
# Others use these too: KAFKA_HEAP_OPTS, HTTP_PROXY, LOG_DIR.
_SHARED_PREFIXES = ("HTTP_", "KAFKA_", "LOG_")

# How alike two names must be (0 to 1) before the unknown one counts as a slip. KAFKA_OPTS is 0.82 like KAFKA_TOPICS,
# KAFKA_PROPERTY 0.87 like KAFKA_PROPERTIES.
_ALIKE_UNDER_SHARED_PREFIX = 0.85
_ALIKE_ELSEWHERE = 0.93

# What Kubernetes puts into every container of a namespace for each of its Services, unless enableServiceLinks is off.
_SERVICE_LINK = re.compile(
    r".+_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|.+_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?"
)


def unknown_in_environment(names: Iterable[str]) -> list[str]:
    """One sentence for each variable that is meant for us and is no setting. The environment holds others' too."""
    return [
        _sentence(name, near)
        for name in sorted(names)
        if name not in KNOWN_NAMES and not _SERVICE_LINK.fullmatch(name)
        if (near := _near(name, _alike_enough(name))) or name.startswith(_OUR_PREFIXES)
    ]


def unknown_in_file(names: Iterable[str]) -> list[str]:
    """One sentence for each name in the settings file that is no setting. The file is ours alone."""
    return [_sentence(name, _near(name, 0.6)) for name in sorted(names) if name not in KNOWN_NAMES]


def _alike_enough(name: str) -> float:
    if name.startswith(_OUR_PREFIXES):
        return 0.6
    return _ALIKE_UNDER_SHARED_PREFIX if name.startswith(_SHARED_PREFIXES) else _ALIKE_ELSEWHERE


def _near(name: str, alike: float) -> str | None:
    return next(iter(difflib.get_close_matches(name.upper(), KNOWN_NAMES, n=1, cutoff=alike)), None)


def _sentence(name: str, near: str | None) -> str:
    return f"{name} is not a setting" + (f"; did you mean {near}?" if near else ".")
