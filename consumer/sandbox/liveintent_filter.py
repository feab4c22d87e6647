"""The filter tree of an audience search (source: LiveIntent's published OpenAPI, AudienceFilter).

Every node is an object with exactly one key, its kind. The document gives every equality an integer value, names
included, which cannot be meant; here a name is compared with a string.
"""

from collections.abc import Callable, Mapping

from consumer.sandbox.liveintent_audiences import AUDIENCE_STATUSES, Audience

Matcher = Callable[[Audience], bool]


class InvalidFilter(ValueError):
    """The tree is not one the contract allows. The text says what was expected, not what came."""


def read_filter(node: object) -> Matcher:
    """The test a filter tree stands for; no tree matches all. Raises InvalidFilter."""
    if node is None:
        return _always
    kind, content = _only_entry(node)
    read = _NODES.get(kind)
    if read is None:
        raise InvalidFilter("unknown kind of filter node")
    return read(content)


def names_in_filter(node: object) -> frozenset[str]:
    """The audience names a tree mentions, wherever; of a tree that is none, what can be found."""
    names: set[str] = set()
    waiting = [node]
    while waiting:
        match waiting.pop():
            case {"nameMatches": {"value": {"eq": {"value": str() as name}}}}:
                names.add(name)
            case dict() as nodes:
                waiting.extend(nodes.values())
            case list() as nodes:
                waiting.extend(nodes)
            case _:
                pass
    return frozenset(names)


def has_name_node(node: object) -> bool:
    """Whether a name is asked for anywhere in the tree."""
    if isinstance(node, dict):
        return "nameMatches" in node or any(map(has_name_node, node.values()))
    return isinstance(node, list) and any(map(has_name_node, node))


def _read_and(content: object) -> Matcher:
    matchers = _read_values(content)
    return lambda audience: all(matches(audience) for matches in matchers)


def _read_or(content: object) -> Matcher:
    matchers = _read_values(content)
    return lambda audience: any(matches(audience) for matches in matchers)


def _read_not(content: object) -> Matcher:
    value = _member(content, "value")
    if value is None:
        raise InvalidFilter("a not needs a filter as its value")
    matches = read_filter(value)
    return lambda audience: not matches(audience)


def _read_name(content: object) -> Matcher:
    name = _string_or_integer(_member(content, "value"))
    return lambda audience: audience.name == name


def _read_account(content: object) -> Matcher:
    account_id = _integer(_member(content, "value"))
    return lambda audience: audience.account_id == account_id


def _read_data_provider(content: object) -> Matcher:
    data_provider_id = _integer(_member(content, "value"))
    return lambda audience: audience.data_provider_id == data_provider_id


def _read_rule(content: object) -> Matcher:
    _integer(_member(content, "value"))
    return _never  # only rule-driven audiences have one, and there are none here


def _read_status(content: object) -> Matcher:
    status = _member(content, "value")
    if status not in AUDIENCE_STATUSES:
        raise InvalidFilter("a status is Active, Archived or Deleted")
    return lambda audience: audience.status == status


def _read_metadata(content: object) -> Matcher:
    kind, inner = _only_entry(_member(content, "value"))
    if kind != "nameMatches":
        raise InvalidFilter("metadata can be matched by its name only")
    key = _string_or_integer(_member(inner, "value"))
    return lambda audience: key in audience.metadata


_NODES: Mapping[str, Callable[[object], Matcher]] = {
    "and": _read_and,
    "or": _read_or,
    "not": _read_not,
    "nameMatches": _read_name,
    "accountIdMatches": _read_account,
    "dataProviderIdMatches": _read_data_provider,
    "ruleIdMatches": _read_rule,
    "status": _read_status,
    "hasMetadata": _read_metadata,
}


def _read_values(content: object) -> list[Matcher]:
    values = _member(content, "values")
    if not isinstance(values, list) or None in values:
        raise InvalidFilter("and, or need a list of filters")
    return [read_filter(value) for value in values]


def _only_entry(node: object) -> tuple[str, object]:
    if not isinstance(node, dict) or len(node) != 1:
        raise InvalidFilter("a filter node is an object with exactly one key")
    return next(iter(node.items()))


def _member(content: object, key: str) -> object:
    if not isinstance(content, dict) or key not in content:
        raise InvalidFilter("a filter node lacks its " + key)
    return content[key]


def _string_or_integer(comparison: object) -> str | int:
    """The value a name is compared with. An integer is what the document says, and matches no name."""
    value = _equality(comparison)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise InvalidFilter("a name is compared with a string")
    return value


def _integer(comparison: object) -> int:
    value = _equality(comparison)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidFilter("an id is compared with an integer")
    return value


def _equality(comparison: object) -> object:
    kind, content = _only_entry(comparison)
    if kind != "eq":
        raise InvalidFilter("eq is the only comparison")
    return _member(content, "value")


def _always(_audience: Audience) -> bool:
    return True


def _never(_audience: Audience) -> bool:
    return False
