"""Print the files whose branch coverage must be 100 %: those the import rule keeps free of input and output."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pure_files() -> list[str]:
    """Paths of the modules in the contract "Rules do no input or output", packages as globs."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    rules = next(
        contract for contract in contracts if contract["name"] == "Rules do no input or output"
    )
    paths = [ROOT / Path(*module.split(".")) for module in rules["source_modules"]]
    return [
        str((path / "*.py" if path.is_dir() else path.with_suffix(".py")).relative_to(ROOT))
        for path in paths
    ]


if __name__ == "__main__":
    sys.stdout.write(",".join(pure_files()))
