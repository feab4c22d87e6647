"""Faults: which request meets which, and how they are written."""

from typing import Any

import pytest

from consumer.sandbox.faults import (
    ANSWER_KINDS,
    BodyShape,
    Fault,
    FaultKind,
    Faults,
    Operation,
    fault_from_json,
)

NOBODY: frozenset[str] = frozenset()


def status_of(fault: Fault | None) -> int | None:
    return fault.status if fault else None


# Which request meets which fault


def test_a_fault_without_times_lasts_until_the_faults_are_cleared() -> None:
    faults = Faults()
    faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=500))

    for _ in range(3):
        met = faults.take(ANSWER_KINDS, Operation.MINT, audiences=NOBODY)
        assert status_of(met) == 500
    faults.clear()
    assert faults.take(ANSWER_KINDS, Operation.MINT, audiences=NOBODY) is None


def test_a_fault_with_times_is_met_so_often_and_then_the_next_one() -> None:
    faults = Faults()
    faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=500, times=2))
    faults.add(Fault(operation="*", kind=FaultKind.STATUS, status=503, times=1))

    met = [faults.take(ANSWER_KINDS, Operation.MINT, audiences=NOBODY) for _ in range(4)]
    assert [status_of(fault) for fault in met] == [500, 500, 503, None]
    assert faults.in_force() == []


def test_a_fault_of_one_operation_leaves_the_others_alone() -> None:
    faults = Faults()
    faults.add(Fault(operation="mint", kind=FaultKind.RESET))

    assert faults.take(ANSWER_KINDS, Operation.CREATE, audiences=NOBODY) is None


def test_a_fault_of_one_audience_leaves_the_others_alone() -> None:
    faults = Faults()
    faults.add(Fault(kind=FaultKind.RESET, audience="vip"))

    assert faults.take(ANSWER_KINDS, Operation.MINT, audiences=NOBODY) is None
    assert faults.take(ANSWER_KINDS, Operation.MINT, audiences=frozenset({"other"})) is None
    assert faults.take(ANSWER_KINDS, Operation.MINT, audiences=frozenset({"vip"})) is not None


def test_one_fault_can_be_ended_and_the_others_go_on() -> None:
    let_go = []
    faults = Faults(on_clear=lambda: let_go.append(True))
    first, second = (Fault(kind=FaultKind.STATUS, status=500) for _ in range(2))
    faults.add(first)
    faults.add(second)

    faults.end(first)
    faults.end(first)
    assert faults.in_force() == [second]
    assert faults.take(ANSWER_KINDS, Operation.MINT, audiences=NOBODY) is second
    assert let_go


@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORIZED_BARE, FaultKind.UNAUTHORIZED_WRAPPED])
def test_storage_never_asks_for_the_token(kind: FaultKind) -> None:
    assert not Fault(kind=kind).acts_on(Operation.STORE)
    assert Fault(kind=kind).acts_on(Operation.GET)


def test_only_storage_answers_as_storage_does() -> None:
    fault = Fault(kind=FaultKind.STORAGE_403, operation="mint")

    assert [operation for operation in Operation if fault.acts_on(operation)] == [Operation.STORE]


@pytest.mark.parametrize(
    "wrong",
    [
        {"operation": "upload"},
        {"times": 0},
        {"status": 99},
        {"status": 600},
        {"delay_seconds": -1.0},
    ],
)
def test_an_impossible_fault_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Fault(**({"kind": FaultKind.STATUS} | wrong))


def test_a_fault_is_read_from_json_by_its_field_names() -> None:
    document = {"operation": "mint", "kind": "status", "status": 429, "retry_after": 2, "times": 3}

    assert fault_from_json(document | {"body": "text"}) == Fault(
        operation="mint",
        kind=FaultKind.STATUS,
        status=429,
        retry_after=2,
        times=3,
        body=BodyShape.TEXT,
    )


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "JSON object"),
        ({}, "needs a kind"),
        ({"kind": "quake"}, "quake"),
        ({"kind": "status", "colour": "red"}, "no field colour"),
        ({"kind": "status", "times": "3"}, "wrong type"),
        ({"kind": "status", "body": "long"}, "long"),
        ({"kind": "status", "operation": "upload"}, "upload"),
    ],
)
def test_json_that_is_no_fault_is_refused_with_the_reason(document: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        fault_from_json(document)
