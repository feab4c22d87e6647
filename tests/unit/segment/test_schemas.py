import json
import sys
from pathlib import Path

import fastavro
import pytest

from consumer.errors import SettingsError
from consumer.segment import schemas as schemas_module
from consumer.segment.framing import Fingerprint, RegistryId
from consumer.segment.schemas import (
    LoadedSchema,
    LocalSchemas,
    RefusedSchema,
    UnknownSchema,
    default_schemas_directory,
    fingerprint_of,
    load_schema,
)

EVENT = json.dumps(
    {
        "type": "record",
        "name": "Event",
        "namespace": "tests",
        "fields": [{"name": "type", "type": "string"}],
    }
)
USER = '{"type": "record", "name": "tests.User", "fields": [{"name": "id", "type": "tests.Id"}]}'
ID = '{"type": "fixed", "name": "tests.Id", "size": 4}'
VISIT = (
    '{"type": "record", "name": "tests.Visit", "fields": [{"name": "user", "type": "tests.User"}]}'
)


def test_a_record_is_loaded_under_its_full_name() -> None:
    loaded = load_schema(EVENT)

    assert isinstance(loaded, LoadedSchema)
    assert loaded.name == "tests.Event"
    assert repr(loaded) == "LoadedSchema(name='tests.Event')"


def test_a_schema_may_refer_to_others() -> None:
    loaded = load_schema(VISIT, referenced=[ID, USER])

    assert isinstance(loaded, LoadedSchema)
    assert loaded.name == "tests.Visit"


def test_a_schema_is_refused_when_what_it_refers_to_is_missing() -> None:
    refused = load_schema(VISIT)

    assert isinstance(refused, RefusedSchema)
    assert refused.detail == "not an Avro schema: UnknownType: tests.User"


def test_a_type_may_not_be_defined_again_over_one_already_checked() -> None:
    again = VISIT.replace('"tests.User"', ID)

    assert load_schema(again, referenced=[ID]) == RefusedSchema(
        "the schema defines a type again that a schema it refers to defines"
    )


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("{", "the schema is not JSON: not JSON at character 1"),
        ('"string"', "the schema is not a record"),
        ('["null", "string"]', "the schema is not a record"),
        (ID, "the schema is not a record"),
        ('{"type": "error", "name": "E", "fields": []}', "the schema is not a record"),
        ('"Nowhere"', "not an Avro schema: UnknownType: Nowhere"),
        ("[5]", "not an Avro schema: TypeError"),
        ("{}", "not an Avro schema: KeyError"),
        ("null", "not an Avro schema: "),
        ("5", "not an Avro schema: "),
        ('{"__fastavro_parsed": true}', "the schema has keys that begin with two underscores"),
        ("[" * 300 + "]" * 300, "types are nested more than 64 deep"),
        (
            '{"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}',
            "the type R contains itself",
        ),
    ],
)
def test_what_cannot_be_decoded_with_is_refused(text: str, detail: str) -> None:
    refused = load_schema(text)

    assert isinstance(refused, RefusedSchema)
    assert refused.detail.startswith(detail)


def test_a_refusal_is_not_as_long_as_the_schema() -> None:
    refused = load_schema(json.dumps("x" * 10_000))

    assert isinstance(refused, RefusedSchema)
    assert len(refused.detail) == 200


def test_the_fingerprint_is_that_of_the_avro_specification() -> None:
    # The specification's CRC-64-AVRO of "int" is 7275d51a3f395c8f; on the wire its bytes are reversed.
    assert fingerprint_of('"int"').hex() == "8f5c393f1ad57572"


def test_documentation_does_not_change_a_fingerprint() -> None:
    documented = json.loads(EVENT) | {"doc": "An event."}

    assert fingerprint_of(json.dumps(documented)) == fingerprint_of(EVENT)


@pytest.fixture
def schemas(tmp_path: Path) -> LocalSchemas:
    (tmp_path / "event.avsc").write_text(EVENT)
    (tmp_path / "notes.txt").write_text("not a schema")
    return LocalSchemas.from_directory(tmp_path)


async def test_a_directory_gives_schemas_by_fingerprint(schemas: LocalSchemas) -> None:
    loaded = schemas.get(fingerprint_of(EVENT))

    assert loaded == load_schema(EVENT)
    assert await schemas.load(fingerprint_of(EVENT)) is loaded
    assert schemas.waiting is None


async def test_a_schema_that_is_not_in_the_directory_is_unknown(schemas: LocalSchemas) -> None:
    nowhere = Fingerprint(bytes(8))
    unknown = UnknownSchema(
        "schema with fingerprint 0000000000000000 is not in the schema directory"
    )

    assert schemas.get(nowhere) == await schemas.load(nowhere) == unknown
    assert schemas.get(RegistryId(3)) == UnknownSchema("schema 3 is not in the schema directory")


def test_every_bad_file_of_a_directory_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.avsc").write_text("{")
    (tmp_path / "b.avsc").write_text(EVENT)
    (tmp_path / "c.avsc").write_bytes(b'"\xff"')

    with pytest.raises(SettingsError) as caught:
        LocalSchemas.from_directory(tmp_path)

    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "the schema file a.avsc cannot be used",
        "the schema file c.avsc cannot be used",
    ]


@pytest.mark.parametrize("directory", [".", "missing"])
def test_a_directory_without_schemas_is_an_error_of_the_settings(
    tmp_path: Path, directory: str
) -> None:
    with pytest.raises(SettingsError, match="no Avro schemas"):
        LocalSchemas.from_directory(tmp_path / directory)


def test_a_checkout_uses_its_own_schemas() -> None:
    checkout = Path(__file__).parents[3]

    assert default_schemas_directory() == checkout / "schemas"


def test_an_installed_program_uses_the_schemas_of_its_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "consumer" / "segment" / "schemas.py"
    monkeypatch.setattr(schemas_module, "__file__", str(installed))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    expected = tmp_path / "share" / "segment-liveintent" / "schemas"

    assert default_schemas_directory() == expected


def test_a_schema_is_parsed_once_and_not_for_each_value() -> None:
    loaded = load_schema(EVENT)

    assert isinstance(loaded, LoadedSchema)
    assert fastavro.parse_schema(loaded.schema) is loaded.schema
