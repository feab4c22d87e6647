"""Helm, in both versions, and the chart's values that are tried with each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart import tools
from tests.chart.paths import VARIANTS
from tests.chart.rendering import Object, objects


@pytest.fixture(scope="session", params=[tools.HELM_4, tools.HELM_3])
def helm(request: pytest.FixtureRequest) -> Path:
    """Each Helm after the other."""
    return _had(lambda: tools.helm(request.param))


@pytest.fixture(scope="session")
def helm4() -> Path:
    """The newer Helm, where both do the same."""
    return _had(lambda: tools.helm(tools.HELM_4))


@pytest.fixture(scope="session")
def validators() -> Path:
    """The programs that know Kubernetes' schemas."""
    return _had(tools.validators)


@pytest.fixture(scope="session")
def checkov() -> Path:
    return _had(tools.checkov)


@pytest.fixture(scope="session")
def hadolint() -> Path:
    return _had(tools.hadolint)


@pytest.fixture(scope="session", params=VARIANTS, ids=lambda path: path.stem)
def among(request: pytest.FixtureRequest, helm4: Path) -> list[Object]:
    """The objects of each variant."""
    return objects(helm4, request.param)


def _had(fetch: Callable[[], Path]) -> Path:
    try:
        return fetch()
    except tools.ToolUnavailable as error:
        pytest.fail(f"NOT TESTED, BECAUSE A TOOL COULD NOT BE FETCHED: {error}")
