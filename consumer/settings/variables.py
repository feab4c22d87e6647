"""The text of every setting, from the environment and from a settings file."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from consumer.settings.names import unknown_in_environment, unknown_in_file


def read_variables(
    environ: Mapping[str, str], env_file: Path | None
) -> tuple[dict[str, str], list[str]]:
    """All variables, the environment's winning over the file's, and one sentence for each thing wrong with a name."""
    from_file, problems = ({}, []) if env_file is None else _read_file(env_file)
    problems += unknown_in_file(from_file)
    problems += unknown_in_environment(environ)
    return {**from_file, **environ}, problems


def why(error: OSError | ValueError) -> str:
    """Why a file cannot be read, without its content (a UnicodeDecodeError's text quotes some)."""
    return (error.strerror or "error") if isinstance(error, OSError) else "it is not UTF-8 text"


def _read_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """Without interpolation, as `docker --env-file`: a password may hold a dollar sign."""
    variables: dict[str, str] = {}
    problems: list[str] = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        return {}, [f"The settings file {path} cannot be read: {why(error)}."]
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            problems.append(f"{path}, line {binding.original.line}, is not NAME=value.")
        elif binding.key is not None and binding.value is not None:
            if binding.key in variables:
                problems.append(f"{binding.key} is set twice in {path}.")
            variables[binding.key] = binding.value
    return variables, problems
