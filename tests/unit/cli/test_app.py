import runpy
import sys

import pytest

from consumer.cli import app as command_line
from consumer.errors import CheckFailed, ForcedStop, SettingsError


def ended_by(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int | str | None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(command_line, "app", fails)
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    return ended.value.code


def test_every_settings_problem_is_a_line_of_its_own_and_the_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(monkeypatch, SettingsError(["A is required.", "B [x] is not a number."])) == 2

    said = capsys.readouterr().err

    assert "  - A is required.\n  - B [x] is not a number.\n" in said


@pytest.mark.parametrize(("error", "code"), [(CheckFailed("Not so."), 3), (ForcedStop("Cut."), 7)])
def test_an_error_of_ours_is_a_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert ended_by(monkeypatch, error) == code
    assert capsys.readouterr().err == f"{error}\n"


def test_an_unforeseen_error_shows_its_traceback_but_no_person_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(monkeypatch, ValueError("bad value ana.ruiz@example.com")) == 1

    said = capsys.readouterr().err

    assert "ValueError: bad value" in said
    assert "ana.ruiz" not in said


def test_python_dash_m_is_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segment-liveintent", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("consumer", run_name="__main__")

    assert ended.value.code == 0
    assert "Exit codes: 0 done" in capsys.readouterr().out
