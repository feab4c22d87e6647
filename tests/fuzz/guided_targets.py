"""What the guided run gives its bytes to: the first byte chooses the reader, the rest is the input."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from consumer.choices import EventFormat
from consumer.segment.mapping.reading import preset_names, preset_text
from consumer.segment.schemas import default_schemas_directory
from tests.fuzz.schema_grammar import SchemaGrammar
from tests.fuzz.targets import Target, outcome_of_answer, outcome_of_mapping, outcome_of_schema
from tests.fuzz.value_grammar import JsonGrammar, ValueGrammar

Reader = Callable[[bytes], str]

_FOREIGN_SCHEMAS = 12
_SAMPLES_OF_EACH = 3
_PREFIXES = {
    EventFormat.AVRO_CONFLUENT: b"\x00\x00\x00\x00\x01",
    EventFormat.AVRO_BARE: b"",
    EventFormat.AVRO_SINGLE_OBJECT: b"\xc3\x01" + b"\xef" * 8,
    EventFormat.DETECT: b"\x00\x00\x00\x00\x01",
}


class GuidedTargets:
    """Every reader of others' bytes, each with sound inputs to begin with. The same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        self.readers: list[Reader] = []
        self.samples: list[bytes] = []
        for schema_text in self._schemas(random):
            target = Target(schema_text, mapping=random.choice(preset_names()))
            values = ValueGrammar(schema_text, random)
            for event_format, prefix in _PREFIXES.items():
                samples = (prefix + values.body() for _ in range(_SAMPLES_OF_EACH))
                self._add(_reader(target, event_format), list(samples))
        texts = JsonGrammar(random)
        for name in preset_names():
            target = Target(_EMPTY, mapping=name)
            self._add(
                _reader(target, EventFormat.JSON), [texts.text() for _ in range(_SAMPLES_OF_EACH)]
            )
            self._add(_reader(target, EventFormat.AVRO_CONTAINER), [b"Obj\x01"])
        schemas = SchemaGrammar(random)
        self._add(outcome_of_schema, [schemas.schema().encode() for _ in range(_SAMPLES_OF_EACH)])
        self._add(lambda data: outcome_of_answer(200, data), [b'{"schema": "\\"int\\""}'])
        self._add(outcome_of_mapping, [preset_text(name).encode() for name in preset_names()])

    def outcome(self, data: bytes) -> str:
        """What becomes of the input. Raises what the program would die of."""
        if not data:
            return "nothing"
        return self.readers[data[0] % len(self.readers)](data[1:])

    @staticmethod
    def _schemas(random: Random) -> Iterator[str]:
        yield (default_schemas_directory() / "segment_event.v1.avsc").read_text("utf-8")
        grammar = SchemaGrammar(random)
        for _ in range(_FOREIGN_SCHEMAS):
            yield grammar.schema()

    def _add(self, reader: Reader, samples: Sequence[bytes]) -> None:
        place = bytes([len(self.readers)])
        self.readers.append(reader)
        self.samples += [place + sample for sample in samples]


_EMPTY = '{"type": "record", "name": "Empty", "fields": []}'


def _reader(target: Target, event_format: EventFormat) -> Reader:
    return lambda data: target.outcome(event_format, data, ())
