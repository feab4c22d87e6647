"""Holds rendered manifests against the schemas of Kubernetes and of the operators, strictly.

Runs in the environment of `tests.chart.tools.validators`, whose packages are not ours: FOLDER VERSION... Prints one
line for each problem, then how many objects of each kind it looked at, as JSON; 1 when there was a problem.
"""

import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-not-found]
import yaml
from cloudcoil.models.keda import v1alpha1 as keda  # type: ignore[import-not-found]
from cloudcoil.models.prometheus_operator import v1 as monitoring  # type: ignore[import-not-found]

OPERATORS = {
    "PodMonitor": monitoring.PodMonitor,
    "PrometheusRule": monitoring.PrometheusRule,
    "ScaledObject": keda.ScaledObject,
}
# Newer than the models: KEDA 2.17 has it, the models are of 2.16.
NEWER = {"ScaledObject": ("spec", "fallback", "behavior")}


def main(folder: Path, versions: list[str]) -> int:
    """Look at every file of the folder, and say what is wrong."""
    seen: Counter[str] = Counter()
    problems = 0
    for path in sorted(folder.glob("*.yaml")):
        for each in yaml.safe_load_all(path.read_text("utf-8")):
            if each:
                seen[each["kind"]] += 1
                for problem in problems_of(each, versions):
                    problems += 1
                    print(f"{path.name}: {each['kind']}/{each['metadata']['name']}: {problem}")
    print(json.dumps(seen))
    return 1 if problems else 0


def problems_of(manifest: dict[str, Any], versions: list[str]) -> Iterator[str]:
    """What the schemas have against one object."""
    kind = manifest["kind"]
    if kind in OPERATORS:
        yield from (each.message for each in _operators(kind).iter_errors(_without_newer(manifest)))
        return
    for version in versions:
        try:
            # A kind it does not know is only warned of.
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                kubernetes_validate.validate(manifest, version, strict=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no yes
            yield f"{version}: {getattr(error, 'message', error)}"


@cache
def _operators(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        _strict(OPERATORS[kind].model_json_schema(by_alias=True))
    )


def _strict(schema: Any) -> Any:  # noqa: ANN401 - any part of a JSON schema
    """The schema without room for keys it does not name."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _strict(each) for name, each in schema.items()}
    return {"additionalProperties": False, **closed} if "properties" in closed else closed


def _without_newer(manifest: dict[str, Any]) -> dict[str, Any]:
    *above, last = NEWER.get(manifest["kind"], ("",))
    at: Any = json.loads(json.dumps(manifest))
    copied = at
    for step in above:
        at = at.get(step, {})
    at.pop(last, None)
    return dict(copied)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
