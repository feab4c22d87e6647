"""A first mapping for a writer's record, with what is guessed marked and what is left over listed. It always loads."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consumer.segment.mapping.found_fields import FoundField
from consumer.segment.mapping.model import SECTIONS
from consumer.segment.mapping.paths import Path, text_of

UNSURE = "# UNSURE:"

_TYPE_WORDS = {"identif": "identify", "group": "group", "screen": "screen", "page": "page", "alias": "alias",
               "track": "track", "enter": "track", "exit": "track"}  # fmt: skip
_OTHER_NAMES = {
    "messageId": ("messageId", "id", "event_id", "insert_id", "uuid"),
    "type": ("type", "event_type", "call_type", "call", "kind"),
    "event": ("event", "event_name", "event_text", "track_name"),
    "timestamp": ("timestamp", "ts", "event_time", "event_timestamp", "occurred_at", "time"),
    "receivedAt": ("receivedAt", "ingested_at", "collector_time", "server_time"),
    "traits": ("traits", "user_traits", "user_properties"),
    "properties": ("properties", "props", "event_properties"),
    "context": ("context", "ctx"),
    "integrations": ("integrations", "destinations"),
}
_TIMES = ("timestamp", "receivedAt")
_UNITS = {
    "io.debezium.time.Timestamp": "milliseconds",
    "org.apache.kafka.connect.data.Timestamp": "milliseconds",
    "io.debezium.time.MicroTimestamp": "microseconds",
}
# What may stand elsewhere than in `context`, and decides membership.
_CONTEXT = {
    "computationclass": "personas.computation_class",
    "computationkey": "personas.computation_key",
    "advertisingid": "device.advertisingId",
    "adtrackingenabled": "device.adTrackingEnabled",
}
_WRAPPERS = ("after", "payload", "value", "message", "data", "body")
_MANGLED = re.compile(r"(?P<mark>[_x])[0-9]")


@dataclass(slots=True)
class _Draft:
    fields: Sequence[FoundField]
    record_name: str
    within: Path = ()
    taken: set[Path] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, unsure: str = "") -> None:
        self.lines.append(f"{line}  {UNSURE} {unsure}" if unsure else line)

    def find(
        self, target: str, fits: Callable[[FoundField], bool]
    ) -> tuple[FoundField, str] | None:
        """The likeliest field and, unless it is certain, why it may be wrong."""
        names = [_plain(name) for name in _OTHER_NAMES[target]]
        usable = [each for each in self.fields if fits(each) and _plain(each.name) in names]
        usable = [each for each in usable if not any(_is_in(each.path, t) for t in self.taken)]
        if not usable:
            return None
        found = min(usable, key=lambda each: (len(each.path), names.index(_plain(each.name))))
        self.taken.add(found.path)
        if len(found.path) > 1:
            return found, "it stands inside another field"
        return found, "" if _plain(found.name) == _plain(target) else "guessed from its name"


def draft_mapping(fields: Sequence[FoundField], record_name: str) -> str:
    """The text of a mapping for records with these fields."""
    within = _wrapper(fields)
    names = {each.path[0] for each in fields}
    if within:
        inside = [each for each in fields if each.path[0] == within and len(each.path) > 1]
        fields = [_outdented(each) for each in inside]
    draft = _Draft(fields, record_name, (within,) if within else ())
    draft.add(f"description = {_quoted(f'Drafted from the record {record_name}.')}")
    if within:
        draft.add(f"within = {_quoted(within)}", "it holds what the record itself lacks")
        if within == "after" and "op" in names:
            draft.add(
                'envelope = "change-event"',
                "it has op and after, as a database's change events have",
            )
    if any(each.path[0].startswith("context_") for each in fields):
        _draft_row(draft)
    else:
        _draft_event(draft)
    return "\n".join(draft.lines) + "\n"


def _draft_row(draft: _Draft) -> None:
    """A row of a warehouse: the preset knows it, but for how times are written."""
    kind = _type_in(draft.record_name)
    table = "identifies" if kind in (None, "identify", "group") else "tracks"
    why = "" if kind else "the record's name does not say which call its rows are"
    draft.add(f'extends = "segment-warehouse-{table}"', why)
    draft.add("\n[call]")
    if kind not in (None, "identify", "track"):
        draft.add(f'type = {{ constant = "{kind}" }}', "guessed from the record's name")
    for name, column in (("timestamp", "timestamp"), ("receivedAt", "received_at")):
        found = next((each for each in draft.fields if each.path == (column,)), None)
        if found is None:
            draft.add(f"# No column {column}: {name} stays empty.")
        elif found.is_number:
            _add_time(draft, name, found, "")
    draft.add(
        "\n# Every column that is no part of the call is a trait or property, but those of the preset's `ignore`."
    )


def _draft_event(draft: _Draft) -> None:
    calls = ["\n[call]"]
    objects: list[str] = []
    found = {name: draft.find(name, lambda each: each.is_object) for name in SECTIONS}
    before, draft.lines = draft.lines, calls
    for name in ("messageId", "type", "event", *_TIMES):
        _add_single(draft, name)
    draft.lines = objects
    is_flat = found["traits"] is None and found["properties"] is None
    flat_into = "traits" if _type_in(draft.record_name) in (None, "identify") else "properties"
    for name in SECTIONS:
        each = found[name]
        if each is not None:
            _add_object(draft, name, *each)
        elif is_flat and name == flat_into:
            draft.add(f'\n[{name}]\ncolumns = ["*"]', "no field holds traits or properties")
        else:
            draft.add(f"\n[{name}]\nfrom = []")
        if name == "context":
            _add_context_members(draft)
    _add_policy(draft, [each[0] for each in found.values() if each])
    _add_converter(draft)
    leftovers = [
        text_of(each.path)
        for each in draft.fields
        if len(each.path) == 1 and not any(_is_in(taken, each.path) for taken in draft.taken)
    ]
    draft.lines = before
    if leftovers and is_flat:
        draft.add(
            "\n# Not read as part of the call; columns of traits or properties unless they are put into `ignore`:"
        )
    elif leftovers:
        draft.add("\n# Not placed:")
    draft.lines += [f"#   {name}" for name in leftovers]
    draft.lines += [*calls, *objects]


def _add_single(draft: _Draft, name: str) -> None:
    is_time = name in _TIMES
    found = draft.find(name, lambda each: each.is_text or (is_time and each.is_number))
    if found is not None:
        each, why = found
        if is_time and each.is_number:
            _add_time(draft, name, each, why)
        else:
            draft.add(f"{name} = {_quoted(text_of(each.path))}", why)
    elif name == "type":
        kind = _type_in(draft.record_name)
        why = "guessed from the record's name" if kind else "no field says which call it is"
        draft.add(f'type = {{ constant = "{kind or "identify"}" }}', why)
    else:
        draft.add(f"# No field for {name} was found.")


def _add_time(draft: _Draft, name: str, found: FoundField, why: str) -> None:
    path = _quoted(text_of(found.path))
    if found.meaning in _UNITS:
        draft.add(f'{name} = {{ from = {path}, unit = "{_UNITS[found.meaning]}" }}', why)
    elif found.meaning.removeprefix("local-").startswith("timestamp-m"):
        draft.add(f"{name} = {path}", why)
    else:
        guess = "a number: seconds, milliseconds or microseconds?"
        draft.add(
            f'{name} = {{ from = {path}, unit = "milliseconds" }}',
            "; ".join(filter(None, (why, guess))),
        )


def _add_object(draft: _Draft, name: str, found: FoundField, why: str) -> None:
    draft.add(f"\n[{name}]")
    draft.add(f"from = {_quoted(text_of(found.path))}", why)
    if "string" in found.map_values:
        draft.add('values = "json-text"')


def _add_context_members(draft: _Draft) -> None:
    lines = []
    for each in draft.fields:
        target = next((_CONTEXT[key] for key in _CONTEXT if _plain(each.name).endswith(key)), None)
        is_there = each.path[-3:] == ("context", *(target or "").split("."))
        if target and not is_there and not any(_is_in(each.path, taken) for taken in draft.taken):
            lines.append(
                f'"{target}" = {_quoted(text_of(each.path))}  {UNSURE} guessed from its name'
            )
            draft.taken.add(each.path)
    if lines:
        draft.lines += ["\n[context.place]", *lines]


def _add_policy(draft: _Draft, objects: Sequence[FoundField]) -> None:
    """Maps of nothing but text need a policy for booleans, and only a person can say so."""
    if not any(each.map_values == {"string"} for each in objects):
        return
    draft.add(
        "\n[booleans]",
        "in a map of texts the boolean and the text are the same; here both are the boolean",
    )
    draft.add(
        'fields = ["traits.*", "properties.*", "integrations.*", "context.device.adTrackingEnabled", '
        '"context.consent.categoryPreferences.*"]\ntrue = ["true"]\nfalse = ["false"]'
    )


def _add_converter(draft: _Draft) -> None:
    marks = {match["mark"] for each in draft.fields if (match := _MANGLED.match(each.name))}
    if marks:
        rule = "confluent" if marks == {"x"} else "debezium"
        why = "names that begin with an underscore or x and a digit look like a converter's"
        draft.add("\n[audiences]")
        draft.add(f'converter = "{rule}"', why)


def _wrapper(fields: Sequence[FoundField]) -> str | None:
    """The field that holds everything, when the record itself has nothing of an event."""
    known = {_plain(name) for names in _OTHER_NAMES.values() for name in names[:2]}
    inside: dict[str, int] = {}
    for each in fields:
        if _plain(each.name) in known:
            holder = each.path[0] if len(each.path) == 2 else ""
            inside[holder] = inside.get(holder, 0) + (len(each.path) <= 2)
    best = max(_WRAPPERS, key=lambda name: inside.get(name, 0))
    return best if inside.get(best, 0) > max(1, inside.get("", 0)) else None


def _outdented(each: FoundField) -> FoundField:
    return FoundField(each.path[1:], each.kinds, each.meaning, each.map_values)


def _is_in(path: Path, above: Path) -> bool:
    return path[: len(above)] == above


def _type_in(record_name: str) -> str | None:
    plain = _plain(record_name)
    return next((kind for word, kind in _TYPE_WORDS.items() if word in plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _quoted(text: str) -> str:
    # A basic string of TOML takes JSON's escapes.
    return json.dumps(text, ensure_ascii=False)
