"""User name and password for the brokers, which are settings of their own, among librdkafka's properties."""

from collections.abc import Mapping

from consumer.errors import SettingsError

_USERNAME, _PASSWORD = "sasl.username", "sasl.password"
_MECHANISMS = ("sasl.mechanism", "sasl.mechanisms")
_PROTOCOL = "security.protocol"


def with_credentials(
    properties: Mapping[str, str], *, username: str | None, password: str | None
) -> dict[str, str]:
    """The properties with what is given of the two. Raises SettingsError, which shows neither.

    They are refused where the properties hold the same, or say nothing of SASL: librdkafka would then not use them, and the
    brokers' refusal would be a riddle.
    """
    given = {_USERNAME: username, _PASSWORD: password}
    added = {name: value for name, value in given.items() if value is not None}
    problems = [
        f"{_setting(name)} and {name} in KAFKA_PROPERTIES or KAFKA_PROPERTIES_FILE are both set; keep one of them."
        for name in added
        if name in properties
    ]
    if added and not any(name in properties for name in _MECHANISMS):
        problems.append(
            f"{' and '.join(map(_setting, added))} need sasl.mechanism in KAFKA_PROPERTIES, such as SCRAM-SHA-512."
        )
    if added and not properties.get(_PROTOCOL, "").strip().lower().startswith("sasl_"):
        problems.append(
            f"{' and '.join(map(_setting, added))} need security.protocol SASL_SSL (or SASL_PLAINTEXT) in KAFKA_PROPERTIES."
        )
    if problems:
        raise SettingsError(problems)
    return {**properties, **added}


def _setting(name: str) -> str:
    return "KAFKA_SASL_USERNAME" if name == _USERNAME else "KAFKA_SASL_PASSWORD"
