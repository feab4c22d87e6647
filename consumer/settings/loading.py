"""From environment variables and a settings file to checked settings, or to everything that is wrong with them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import ValidationError

from consumer.errors import SettingsError
from consumer.settings.feeds_file import read_feeds
from consumer.settings.kafka_credentials import with_credentials
from consumer.settings.membership import MembershipSettings
from consumer.settings.model import Settings
from consumer.settings.names import FILE_SUFFIX, KAFKA_PROPERTIES_FILE, SECRET_NAMES
from consumer.settings.parsing import texts_by_name
from consumer.settings.part import Part
from consumer.settings.problems import problems_of
from consumer.settings.secret import Secret
from consumer.settings.variables import read_variables, why

P = TypeVar("P", bound=Part)

# One sentence for each librdkafka property that may not be set so.
PropertyProblems = Callable[[Mapping[str, str]], Sequence[str]]

_NO_DEFAULTS: Mapping[str, str] = MappingProxyType({})
# Empty text means "not set", as in a chart's unused values, but here it means "no audience".
_EMPTY_HAS_A_MEANING = {"LIVEINTENT_AUDIENCES"}


def _no_problems(_properties: Mapping[str, str]) -> Sequence[str]:
    return ()


def load_settings(
    environ: Mapping[str, str],
    *,
    env_file: Path | None = None,
    property_problems: PropertyProblems = _no_problems,
) -> Settings:
    """Everything the service needs. Raises SettingsError with every problem at once.

    A variable wins over the file. Empty text counts as not set, except for LIVEINTENT_AUDIENCES. Reads the files of
    secrets and nothing else: no connection is made. `property_problems` is what Kafka's side has against
    KAFKA_PROPERTIES.
    """
    return load_part(Settings, environ, env_file=env_file, property_problems=property_problems)


def load_membership_settings(
    environ: Mapping[str, str], *, env_file: Path | None = None
) -> MembershipSettings:
    """What decides which events change which audience; LIVEINTENT_AUDIENCES unset means none."""
    return load_part(
        MembershipSettings, environ, env_file=env_file, defaults={"LIVEINTENT_AUDIENCES": ""}
    )


def load_part(
    part: type[P],
    environ: Mapping[str, str],
    *,
    env_file: Path | None = None,
    defaults: Mapping[str, str] = _NO_DEFAULTS,
    property_problems: PropertyProblems = _no_problems,
) -> P:
    """The settings that one part of the program needs; the others may be missing or wrong, but not misspelt.

    Raises SettingsError with every problem at once. `defaults` stand in for what neither the environment nor the
    file sets.
    """
    variables, problems = read_variables(environ, env_file)
    variables = {**defaults, **variables}
    values: dict[str, object] = {}
    explained: set[str] = set()
    for field in part.model_fields:
        try:
            value = _value(field.upper(), variables, property_problems)
        except SettingsError as error:
            problems += error.problems
            explained.add(field)
        else:
            if value is not None:
                values[field] = value
    try:
        settings = part.model_validate(values)
    except ValidationError as error:
        found = problems_of(part, error, variables)
        problems += [text for field, text in found.items() if field not in explained]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _value(name: str, variables: Mapping[str, str], property_problems: PropertyProblems) -> object:
    """One setting's text, secret or merged properties; None when it is not set. Raises SettingsError."""
    if name in SECRET_NAMES:
        return _secret(name, variables)
    if name == "KAFKA_PROPERTIES":
        properties = with_credentials(
            _kafka_properties(variables),
            username=variables.get("KAFKA_SASL_USERNAME") or None,
            password=_kafka_password(variables),
        )
        if found := property_problems(properties):
            raise SettingsError(found)
        return properties
    text = variables.get(name)
    if name == "EVENT_FEEDS_FILE" and text:
        return read_feeds(Path(text))
    return text if text or name in _EMPTY_HAS_A_MEANING else None


def _secret(name: str, variables: Mapping[str, str]) -> Secret | None:
    text, path = variables.get(name), variables.get(name + FILE_SUFFIX)
    if text and path:
        raise SettingsError([f"{name} and {name}{FILE_SUFFIX} are both set; keep one of them."])
    if not path:
        return Secret(text) if text else None
    try:
        secret = Secret.from_file(Path(path))
    except (OSError, ValueError) as error:
        raise SettingsError(
            [f"{name}{FILE_SUFFIX}: {path} cannot be read: {why(error)}."]
        ) from None
    if not secret.read():
        raise SettingsError([f"{name}{FILE_SUFFIX}: {path} is empty."])
    return secret


def _kafka_properties(variables: Mapping[str, str]) -> dict[str, str]:
    """The properties of the variable and of the file together."""
    public = _texts("KAFKA_PROPERTIES", variables.get("KAFKA_PROPERTIES") or "{}")
    path = variables.get(KAFKA_PROPERTIES_FILE)
    if not path:
        return public
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(
            [f"{KAFKA_PROPERTIES_FILE}: {path} cannot be read: {why(error)}."]
        ) from None
    private = _texts(f"{KAFKA_PROPERTIES_FILE}: {path}", text)
    if both := sorted(public.keys() & private.keys()):
        raise SettingsError(
            [f"KAFKA_PROPERTIES and {KAFKA_PROPERTIES_FILE} both hold {', '.join(both)}."]
        )
    return public | private


def _kafka_password(variables: Mapping[str, str]) -> str | None:
    try:
        secret = _secret("KAFKA_SASL_PASSWORD", variables)
    except SettingsError:
        return None  # it is complained of as a setting of its own
    return None if secret is None else secret.read()


def _texts(origin: str, text: str) -> dict[str, str]:
    try:
        return texts_by_name(text)
    except ValueError as error:
        raise SettingsError([f"{origin} {error}."]) from None
