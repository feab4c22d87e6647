"""From what pydantic found wrong to sentences for the operator. No sentence shows a secret."""

from collections.abc import Mapping

from pydantic import ValidationError

from consumer.settings.part import Part, is_secret

_SHOWN_CHARACTERS = 40
# KAFKA_PROPERTIES may hold sasl.password; a URL may hold a password that made it wrong.
_NOT_SHOWN = {
    "kafka_properties",
    "liveintent_collector_url",
    "liveintent_conversions_url",
    "liveintent_privacy_url",
    "liveintent_url",
    "schema_registry_url",
    "schema_registry_oauth_url",
}

_EXPECTED = {
    "bool_parsing": "must be true or false",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "string_pattern_mismatch": "must match {pattern}",
    "path_not_directory": "must be a directory that exists",
    "path_not_file": "must be a file that exists",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def problems_of(
    part: type[Part], error: ValidationError, variables: Mapping[str, str]
) -> dict[str, str]:
    """One sentence for each field that is wrong, in the order of the settings.

    `variables` is what the operator wrote; a text is quoted unless it may be a secret.
    """
    order = list(part.model_fields)
    found = sorted(error.errors(include_url=False), key=lambda e: order.index(str(e["loc"][0])))
    problems: dict[str, str] = {}
    for each in found:
        field = str(each["loc"][0])
        context = each.get("ctx", {})
        text = variables.get(field.upper(), "")
        problems.setdefault(field, _sentence(part, field, each["type"], context, text))
    return problems


def _sentence(
    part: type[Part], field: str, kind: str, context: Mapping[str, object], text: str
) -> str:
    name = field.upper()
    if kind == "missing":
        return f"{name} is required: {_first_sentence(part, field)}"
    if kind == "value_error":
        return f"{name} {context['error']}."
    if kind == "enum":
        expected = f"must be {str(context['expected']).replace(chr(39), '')}"
    else:
        expected = _EXPECTED.get(kind, "cannot be used").format(**context)
    return f"{name} {expected}{_quoted(part, field, text)}."


def _quoted(part: type[Part], field: str, text: str) -> str:
    if field in _NOT_SHOWN or is_secret(part.model_fields[field]):
        return ""
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    # Kubernetes' link to a Service of that name, such as HTTP_PORT for a Service called http.
    link = (
        ": Kubernetes set it for a Service; put enableServiceLinks: false"
        if "tcp://" in text
        else ""
    )
    return f", not {shown!r}{link}"


def _first_sentence(part: type[Part], field: str) -> str:
    description = part.model_fields[field].description or ""
    return description.split(". ", maxsplit=1)[0].removesuffix(".") + "."
