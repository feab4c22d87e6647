from typing import cast

from fastavro.types import Schema

from consumer.segment.schema_resolution import AvroSchema, obstacles

PLACE = {"type": "record", "name": "Place", "fields": [{"name": "city", "type": "string"}]}


def a_schema(kind: object) -> AvroSchema:
    fields = [{"name": "where", "type": kind}]
    return AvroSchema.parsed(cast("Schema", {"type": "record", "name": "R", "fields": fields}))


def test_the_branches_of_a_union_are_told_by_the_names_they_have() -> None:
    (obstacle,) = obstacles(a_schema("double"), a_schema(["null", PLACE]))

    assert "what was written as double is none of null, record Place" in obstacle


def test_what_fits_has_no_obstacles() -> None:
    assert obstacles(a_schema("int"), a_schema(["null", "long"])) == ()
