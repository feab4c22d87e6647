"""The mutants fit the code as it is: a list that has rotted would catch nothing."""

from pathlib import Path

import pytest

from tests.mutations.mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
AT_LEAST = 12


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_code_that_is_there_and_names_tests_that_are(mutant: Mutant) -> None:
    compile(mutant.applied_to(ROOT), mutant.file, "exec")

    assert [name for name in mutant.tests if not (ROOT / name.split("::")[0]).exists()] == []


def test_there_are_enough_mutants_with_names_of_their_own() -> None:
    names = {mutant.name for mutant in MUTANTS}
    assert len(names) == len(MUTANTS) >= AT_LEAST
