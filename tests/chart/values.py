"""Values for the chart, put together."""

import copy
from collections.abc import Mapping
from typing import Any

import yaml

from tests.chart.paths import CHART

_MINIMAL = yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text("utf-8"))


def minimal(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever values hold
    """The least values that render, and these on top, as Helm would lay several files of values."""
    return merged(_MINIMAL, more)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two mappings of values in one; what is above wins, and None removes."""
    result = copy.deepcopy(dict(below))
    for name, value in above.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = merged(result[name], value)
        else:
            result[name] = copy.deepcopy(value)
    return result
