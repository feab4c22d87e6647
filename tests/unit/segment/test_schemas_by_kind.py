from consumer.segment.framing import Fingerprint, RegistryGuid, RegistryId, SchemaRef
from consumer.segment.schemas import SchemaLookup, UnknownSchema
from consumer.segment.schemas_by_kind import SchemasByKind

REFS: list[SchemaRef] = [RegistryId(7), RegistryGuid(bytes(16)), Fingerprint(bytes(8))]


class Source:
    def __init__(self, name: str, waiting: str | None = None) -> None:
        self.name = name
        self.waiting = waiting

    def get(self, ref: SchemaRef) -> SchemaLookup | None:
        return UnknownSchema(f"{self.name} was asked")

    async def load(self, ref: SchemaRef) -> SchemaLookup:
        return UnknownSchema(f"{self.name} was waited for")


async def test_each_kind_of_name_is_looked_up_where_it_is_given() -> None:
    schemas = SchemasByKind(registry=Source("registry"), local=Source("directory"))

    assert [schemas.get(ref) for ref in REFS] == [
        UnknownSchema("registry was asked"),
        UnknownSchema("registry was asked"),
        UnknownSchema("directory was asked"),
    ]
    assert [await schemas.load(ref) for ref in REFS] == [
        UnknownSchema("registry was waited for"),
        UnknownSchema("registry was waited for"),
        UnknownSchema("directory was waited for"),
    ]


def test_what_the_registry_waits_for_is_told() -> None:
    assert SchemasByKind(registry=Source("r", "HTTP 503"), local=Source("d")).waiting == "HTTP 503"
    assert SchemasByKind(registry=Source("r"), local=Source("d")).waiting is None
