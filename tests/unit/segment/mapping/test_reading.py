"""Mappings as text: what is wrong is told all at once, in words for whoever wrote it."""

from pathlib import Path

import pytest

from consumer.errors import SettingsError
from consumer.segment.mapping.model import EventMapping
from consumer.segment.mapping.reading import load_mapping, parse_mapping, preset_names


def problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_mapping(text, "shop.toml")
    return [problem.removeprefix("the mapping shop.toml: ") for problem in caught.value.problems]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_and_says_what_it_is_for(name: str) -> None:
    assert load_mapping(name).description


@pytest.mark.parametrize("name", ["segment-json", "segment-event-v1"])
def test_segments_own_shape_and_ours_have_nothing_to_map(name: str) -> None:
    described = EventMapping(description=load_mapping(name).description)

    assert load_mapping(name) == described


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[trait]", "trait is nothing a mapping has; did you mean traits?"),
        ("[traits]\ncolums = ['a']", "traits.colums is nothing a mapping has; did you mean columns?"),
        ("[booleans]\nfields = ['traits.*']\nTrue = ['1']", "booleans.True is nothing a mapping has; did you mean true?"),
        ("[call]\nzzz = 'a'", "call.zzz is nothing a mapping has."),
        ("[call]\ntype = { constant = 'identfy' }", "call.type.constant must be identify, track, page, screen, group, alias or delete, not 'identfy'."),
        ("[call]\ntype = { from = 'a', constant = 'track' }", "call.type must have either from or constant."),
        ("[call]\nevent = {}", "call.event must have either from or constant."),
        ("[call]\nmessageId = { from = 'a', constant = 'x' }", "call.messageId.constant is nothing a mapping has."),
        ("[call]\nmessageId = {}", "call.messageId.from is required."),
        ("[call]\ntimestamp = { from = 'ts', unit = 'ms' }", "call.timestamp.unit must be seconds, milliseconds or microseconds, not 'ms'."),
        ("[call]\ntimestamp = 'a..b'", "call.timestamp.from is no path: 'a..b' (names with full stops between; a name with one itself in double quotes)."),
        ("[traits]\nfrom = 3", "traits.from must be a list, not 3."),
        ("[traits]\ncolumns = 'a*b*'", "traits.columns has a pattern that cannot be used: 'a*b*' (a name, with at most one star in it)."),
        ("[traits]\ncolumns = '*'\n[properties]\ncolumns = '*'", "it gives every column to two objects: traits and properties."),
        ("[traits]\nrename = { a = 'c', b = 'c' }", "traits must not rename two members to one name."),
        ("[context.place]\n'a' = 'x'\n'a.b' = 'y'", "context must not place one member inside another that is placed as well."),
        ("[traits]\nvalues = 'json'", "traits.values must be as-they-are or json-text, not 'json'."),
        ("[context]\nseparator = ''", "context.separator must not be empty, not ''."),
        ("[booleans]\nfields = []", "booleans.fields must name at least one, not []."),
        ("[booleans]\nfields = ['email']", "booleans.fields has a field that cannot be used: 'email' (such as traits.*, or context.device.adTrackingEnabled; a star only at the end)."),
        ("[booleans]\nfields = ['traits.*']\ntrue = ['1']\nfalse = ['1']", "booleans must not take the same text for true and for false: ['1']."),
        ("[audiences]\nconverter = 'avro'", "audiences.converter must be none, confluent, debezium or segment-warehouse, not 'avro'."),
        ("traits = 'traits'", "traits must be a table, not 'traits'."),
        ("extends = 'mine'", "extends must be one of " + ", ".join(preset_names()) + ", not 'mine'."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_sentence(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = problems("[call]\nzzz = 'a'\n[traits]\ncolums = ['a']\n[booleans]\nfields = ['email']")

    assert [problem.split(" ")[0] for problem in found] == [
        "call.zzz",
        "traits.colums",
        "booleans.fields",
    ]


def test_what_is_not_toml_says_where(tmp_path: Path) -> None:
    (file := tmp_path / "shop.toml").write_text("[call\n")

    with pytest.raises(SettingsError, match=r"the mapping shop.toml is not TOML: .*line 1"):
        load_mapping(str(file))


def test_what_is_nested_without_end_says_so(tmp_path: Path) -> None:
    (file := tmp_path / "shop.toml").write_text("a = " + "[" * 5_000)

    with pytest.raises(SettingsError, match=r"the mapping shop.toml is nested too deeply"):
        load_mapping(str(file))


def test_neither_preset_nor_file_names_the_presets() -> None:
    with pytest.raises(
        SettingsError, match=r"'segment' is neither the path of a TOML file nor .*segment-json"
    ):
        load_mapping("segment")
    with pytest.raises(
        SettingsError, match=r"nowhere.toml cannot be read: No such file or directory"
    ):
        load_mapping("nowhere.toml")


def test_a_mapping_that_extends_a_preset_changes_only_what_it_says() -> None:
    base = load_mapping("segment-warehouse-identifies")

    mapping = parse_mapping(
        "extends = 'segment-warehouse-identifies'\n[call]\ntype = 'kind'\n[context.place]\n'device.type' = 'os'",
        "shop.toml",
    )

    assert mapping.call.type.paths == (("kind",),)
    assert mapping.call.message_id == base.call.message_id
    assert mapping.context.place == {**base.context.place, "device.type": "os"}
    assert mapping.traits == base.traits
