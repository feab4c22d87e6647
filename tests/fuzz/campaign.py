"""A number of inputs, one after the other, and what became of them.

Inputs come in rounds: a schema, and some hundred values of it, sound and damaged, in every framing; and besides
JSON, schemas, mappings and registry answers. A round is drawn from the seed and its own number alone, so it can be run again
by itself. What made an outcome that its round had not seen is damaged further.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from traceback import format_exc

from consumer.choices import EventFormat
from consumer.segment.mapping.reading import preset_names, preset_text
from tests.fuzz.damage import damaged
from tests.fuzz.schema_grammar import SchemaGrammar
from tests.fuzz.targets import Target, outcome_of_answer, outcome_of_mapping, outcome_of_schema
from tests.fuzz.value_grammar import JsonGrammar, ValueGrammar, zigzag

INPUTS_PER_ROUND = 250
HANG_SECONDS = 1.0
_ID_PREFIX = b"\x00\x00\x00\x00\x01"
_FINGERPRINT = b"\xc3\x01" + b"\xef" * 8
_SYNC = b"\x07" * 16
_STATUSES = (200, 200, 200, 404, 401, 429, 500, 302)
_HEADERS = ((), (), (), (("__value_schema_id", _ID_PREFIX),), (("__value_schema_id", b"\x01x"),))


@dataclass(slots=True)
class Findings:
    """What became of the inputs so far."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    slowest_input: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether every input ended in an outcome, in time."""
        return not self.crashes and not self.hangs and self.outcomes.total() == self.inputs


@dataclass(frozen=True, slots=True)
class _Input:
    kind: str
    data: bytes
    run: Callable[[bytes], str]


class Campaign:
    """Runs rounds of a seed."""

    def __init__(self, seed: int, *, clock: Callable[[], float] = time.thread_time) -> None:
        self._seed = seed
        self._clock = clock
        self.findings = Findings()

    def run(self, inputs: int, *, after_round: Callable[[int], None] = lambda _: None) -> Findings:
        """Run at least so many inputs, in whole rounds."""
        number = 0
        while self.findings.inputs < inputs:
            self.run_round(number)
            after_round(number)
            number += 1
        return self.findings

    def run_round(self, number: int) -> None:
        """Run one round."""
        random = Random(f"{self._seed}:{number}")
        seen: set[str] = set()
        interesting: list[_Input] = []
        fresh = _inputs(random)
        for position in range(INPUTS_PER_ROUND):
            if interesting and random.random() < 0.3:
                parent = random.choice(interesting)
                given = _Input(parent.kind, damaged(parent.data, random), parent.run)
            else:
                given = next(fresh)
            outcome = self._run_one(given, f"round {number}, input {position}, {given.kind}")
            if outcome is not None and outcome not in seen:
                seen.add(outcome)
                interesting.append(given)

    def _run_one(self, given: _Input, place: str) -> str | None:
        findings = self.findings
        findings.inputs += 1
        started = self._clock()
        try:
            outcome = given.run(given.data)
        except Exception:  # noqa: BLE001 - this is what we are looking for
            findings.crashes.append(f"{place}: {given.data[:200].hex()}\n{format_exc()}")
            return None
        finally:
            seconds = self._clock() - started
            if seconds > findings.slowest_seconds:
                findings.slowest_seconds = seconds
                findings.slowest_input = f"{place}, {len(given.data)} bytes"
            if seconds > HANG_SECONDS:
                findings.hangs.append(f"{place}: {seconds:.1f} s")
        findings.outcomes[outcome] += 1
        return outcome


def _inputs(random: Random) -> Iterator[_Input]:
    """The inputs of a round, without end."""
    schema_text = SchemaGrammar(random).schema()
    target = Target(schema_text, mapping=random.choice(preset_names()))
    values = ValueGrammar(schema_text, random)
    texts = JsonGrammar(random)
    while True:
        choice = random.random()
        if choice < 0.02:
            yield _Input("schema", _maybe_damaged(schema_text.encode(), random), outcome_of_schema)
        elif choice < 0.07:
            yield _answer(schema_text, random)
        elif choice < 0.09:
            text = preset_text(random.choice(preset_names())).encode()
            yield _Input("mapping", _maybe_damaged(text, random), outcome_of_mapping)
        elif choice < 0.35:
            yield _record(target, random, EventFormat.JSON, texts.text())
        elif choice < 0.40:
            yield _record(
                target, random, EventFormat.AVRO_CONTAINER, _container(schema_text, values, random)
            )
        else:
            event_format, prefix = random.choice(_FRAMINGS)
            yield _record(target, random, event_format, prefix + values.body())


_FRAMINGS = (
    (EventFormat.AVRO_CONFLUENT, _ID_PREFIX),
    (EventFormat.AVRO_CONFLUENT, _ID_PREFIX),
    (EventFormat.AVRO_BARE, b""),
    (EventFormat.DETECT, _ID_PREFIX),
    (EventFormat.AVRO_SINGLE_OBJECT, _FINGERPRINT),
    (EventFormat.JSON, b""),
)  # fmt: skip


def _record(target: Target, random: Random, event_format: EventFormat, value: bytes) -> _Input:
    headers = random.choice(_HEADERS)

    def run(data: bytes) -> str:
        return target.outcome(event_format, data, headers)

    return _Input(event_format, _maybe_damaged(value, random), run)


def _answer(schema_text: str, random: Random) -> _Input:
    status = random.choice(_STATUSES)
    body: dict[str, object] = {
        "schema": schema_text,
        "references": [],
        "error_code": random.choice((40403, 404, None)),
    }
    content = _maybe_damaged(json.dumps(body).encode(), random)
    return _Input("registry", content, lambda data: outcome_of_answer(status, data))


def _container(schema_text: str, values: ValueGrammar, random: Random) -> bytes:
    """A container file of a few records, not compressed."""
    count = random.choice((0, 1, 2, 3, 9_999))
    content = b"".join(values.body() for _ in range(min(count, 3)))
    entries = (
        (b"avro.schema", schema_text.encode()),
        (b"avro.codec", random.choice((b"null", b"deflate"))),
    )
    meta = b"".join(zigzag(len(each)) + each for pair in entries for each in pair)
    header = b"Obj\x01" + zigzag(len(entries)) + meta + b"\x00" + _SYNC
    return header + zigzag(count) + zigzag(len(content)) + content + _SYNC


def _maybe_damaged(data: bytes, random: Random) -> bytes:
    return damaged(data, random) if random.random() < 0.6 else data
