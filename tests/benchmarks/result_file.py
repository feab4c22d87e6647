"""A result as JSON: written for machines, and read again to compare with."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import orjson

from tests.benchmarks.comparison import Ratios, ratios_of
from tests.benchmarks.rows import Row
from tests.benchmarks.targets import Results, Target


def document(
    surroundings: Mapping[str, str],
    settings: Mapping[str, str],
    results: Results,
    found: list[Target],
) -> bytes:
    """The whole result."""
    return orjson.dumps(
        {
            "surroundings": surroundings,
            "settings": settings,
            "rows": {str(row): asdict(summary) for row, summary in results.items()},
            "targets": [asdict(target) for target in found],
            "cpu_per_event_as_multiple_of_b": {
                str(row): ratio for row, ratio in ratios_of(results).items()
            },
        },
        option=orjson.OPT_INDENT_2,
    )


def ratios_in(file: Path) -> Ratios:
    """The ratios to (b) of an earlier result. Raises ValueError where there are none."""
    try:
        ratios = orjson.loads(file.read_bytes())["cpu_per_event_as_multiple_of_b"]
        return {Row(row): float(ratio) for row, ratio in ratios.items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        message = f"{file} is no result of this suite"
        raise ValueError(message) from error
