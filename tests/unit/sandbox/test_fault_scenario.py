"""Faults by scenario file: what a file may say, when its faults begin, and how often they are met."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.errors import SettingsError
from consumer.sandbox import fault_scenario
from consumer.sandbox.fault_scenario import read_scenario
from consumer.sandbox.faults import ANSWER_KINDS, Fault, FaultKind, Faults, Operation
from tests.unit.sandbox.liveintent_caller import Caller, Clock

NOBODY: frozenset[str] = frozenset()


def a_file(folder: Path, text: str) -> Path:
    file = folder / "faults.toml"
    file.write_text(text)
    return file


def problems_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read_scenario(a_file(folder, text))
    return [problem.partition("faults.toml: ")[2] for problem in raised.value.problems]


def test_the_example_of_the_page_is_a_scenario(tmp_path: Path) -> None:
    example = (fault_scenario.__doc__ or "").split("```toml\n")[1].split("```")[0]

    assert read_scenario(a_file(tmp_path, example)) == (
        Fault(kind=FaultKind.STATUS, status=503, after_seconds=30, for_seconds=60),
        Fault(kind=FaultKind.UPLOAD_ERROR, audience="vip_customers", after_calls=2, times=1),
    )


def test_everything_wrong_with_a_file_is_told_at_once(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        """
        colour = 3
        [[fault]]
        kind = "quake"
        status = "5"
        tims = 3
        operation = "uplods"
        [[fault]]
        times = 1.5
        [[fault]]
        kind = "status"
        retry_after = true
        [[fault]]
        kind = "status"
        after_seconds = -1
        """,
    )

    assert found[0] == "colour is no key of it: it holds [[fault]] tables."
    assert found[1] == "fault 1: tims is not a key of a fault (did you mean times?)."
    assert found[2].startswith("fault 1: operation must be one of *, search")
    assert found[2].endswith("(did you mean uploads?).")
    assert found[3].startswith("fault 1: kind must be status, ")
    assert found[4:] == [
        "fault 1: status must be a whole number.",
        "fault 2: kind is required.",
        "fault 2: times must be a whole number.",
        "fault 3: retry_after must be a number, or text.",
        "fault 4: after_seconds and after_calls must not be negative.",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no [[fault]] table."),
        ("fault = 5", "fault must be written as [[fault]] tables."),
        ("[fault]\nkind = 'reset'", "fault must be written as [[fault]] tables."),
        ("[[fault]]\nkind = 'reset'\nevery = 0", "fault 1: every must be at least 1."),
        (
            "[[fault]]\nkind = 'reset'\nfor_seconds = 0",
            "fault 1: for_seconds must be greater than 0, or null for always.",
        ),
        ("[[fault]]\nkind = 2026-01-01", "fault 1: kind must be status, "),
    ],
)
def test_a_file_that_is_no_scenario_is_refused_with_the_reason(
    tmp_path: Path, text: str, problem: str
) -> None:
    (found,) = problems_of(tmp_path, text)
    assert found.startswith(problem)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for file, what in ((tmp_path, "cannot be read"), (a_file(tmp_path, "= 5"), "is not TOML")):
        with pytest.raises(SettingsError, match=what):
            read_scenario(file)


# When, and how often


def met(faults: Faults, calls: int, *, operation: Operation = Operation.MINT) -> list[bool]:
    return [
        faults.take(ANSWER_KINDS, operation, audiences=NOBODY) is not None for _ in range(calls)
    ]


@given(st.integers(0, 6), st.integers(1, 5), st.none() | st.integers(1, 4))
def test_a_fault_lets_calls_pass_and_meets_every_so_many(
    after_calls: int, every: int, times: int | None
) -> None:
    fault = Fault(kind=FaultKind.STATUS, after_calls=after_calls, every=every, times=times)
    faults = Faults(now=Clock())
    faults.add(fault)

    turns = [call for call, was_met in enumerate(met(faults, 40)) if was_met]
    assert turns == list(range(after_calls, 40, every))[:times]


def test_calls_of_other_operations_do_not_count() -> None:
    faults = Faults(now=Clock())
    faults.add(Fault(kind=FaultKind.STATUS, operation="mint", after_calls=1))

    assert met(faults, 3, operation=Operation.GET) == [False] * 3
    assert met(faults, 2) == [False, True]


def test_a_fault_begins_and_ends_with_its_time() -> None:
    clock = Clock()
    faults = Faults(now=clock)
    faults.add(Fault(kind=FaultKind.STATUS, after_seconds=30, for_seconds=60, after_calls=1))

    assert met(faults, 3) == [False] * 3, "calls before its time do not count"
    clock.advance(30)
    assert met(faults, 2) == [False, True]
    clock.advance(59.5)
    assert met(faults, 1) == [True]
    clock.advance(0.5)
    assert met(faults, 1) == [False]
    assert faults.in_force() == []


def test_a_call_two_faults_could_meet_meets_the_first_and_counts_for_both() -> None:
    faults = Faults(now=Clock())
    faults.add(Fault(kind=FaultKind.STATUS, status=500, times=2))
    faults.add(Fault(kind=FaultKind.STATUS, status=503, after_calls=3))

    taken = [faults.take(ANSWER_KINDS, Operation.MINT, audiences=NOBODY) for _ in range(4)]
    assert [fault.status if fault else None for fault in taken] == [500, 500, None, 503]


def test_who_listens_hears_of_each_fault_as_it_is_met() -> None:
    heard: list[tuple[FaultKind, Operation]] = []
    faults = Faults(
        on_met=lambda fault, operation: heard.append((fault.kind, operation)), now=Clock()
    )
    faults.add(Fault(kind=FaultKind.RESET, after_calls=1))

    met(faults, 3)
    assert heard == [(FaultKind.RESET, Operation.MINT)] * 2


async def test_a_later_fault_is_added_over_the_control_surface_too(caller: Caller) -> None:
    fault = {"operation": "list", "kind": "status", "after_calls": 1, "times": 1}

    assert (await caller.call("POST", "/_sandbox/faults", fault)).status == 201
    answers = [(await caller.call("GET", "/audiences")).status for _ in range(3)]
    assert answers == [200, 503, 200]
