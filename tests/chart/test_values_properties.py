"""Whatever values the schema takes: either Helm refuses them with a reason, or what it makes is sound."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.settings.process import MEMORY_BESIDE_BUDGET_MB
from tests.chart.rendering import Object, Refused, containers, environment, objects, pods
from tests.chart.values import merged, minimal

pytestmark = pytest.mark.chart

EXAMPLES = 40
SECONDS = 480


def switched(name: str, **more: Any) -> st.SearchStrategy[dict[str, Any]]:  # noqa: ANN401
    """The value on or off."""
    return st.booleans().map(lambda on: {name: {"enabled": on, **(more if on else {})}})


PARTS = st.tuples(
    st.fixed_dictionaries({"replicas": st.integers(0, 5)}),
    st.sampled_from(["Deployment", "StatefulSet"]).flatmap(
        lambda kind: st.booleans().map(
            lambda static: {"workload": {"kind": kind, "staticMembership": static}}
        )
    ),
    st.fixed_dictionaries(
        {
            "settings": st.fixed_dictionaries(
                {},
                optional={
                    "DRAIN_SECONDS": st.floats(0.5, 300, allow_nan=False).map(lambda x: round(x, 2)),
                    "MEMORY_BUDGET_MB": st.integers(16, 4096),
                    "LATEST_STATE_MEMBERS": st.integers(1, 10_000_000),
                    "EVENT_MAX_BYTES": st.integers(1, 20_000_000),
                    "HTTP_PORT": st.integers(0, 65_535),
                    "LIVEINTENT_AUDIENCES": st.lists(st.sampled_from(["a", "b c", "*"]), max_size=3),
                    "KAFKA_PROPERTIES": st.dictionaries(
                        st.sampled_from(["client.rack", "session.timeout.ms", "group.protocol"]),
                        st.sampled_from(["consumer", 45_000, True]),
                    ),
                },
            )
        }
    ),
    switched("keda"),
    switched("hpa"),
    switched("networkPolicy"),
    switched("podMonitor"),
    switched("alerts"),
    switched("dashboards"),
    switched("replay", id="again", to={"earliest": True}, planSha256="0" * 64),
    st.booleans().map(lambda on: {"kafka": {"tls": {"enabled": on}}}),
    st.sampled_from([{}, {"files": {"a.toml": "{{ not a template }}"}}]),
    st.sampled_from([{}, {"terminationGracePeriodSeconds": 60}, {"resources": {"memory": "1Gi"}}]),
)  # fmt: skip


def put_together(parts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    values = minimal()
    for part in parts:
        values = merged(values, part)
    return values


@pytest.mark.timeout(SECONDS)
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # fmt: skip
@given(values=PARTS.map(put_together))
def test_values_are_refused_with_a_reason_or_make_a_sound_release(
    helm4: Path, values: dict[str, Any]
) -> None:
    made = made_of(helm4, values)
    if isinstance(made, Refused):
        assert "These values do not fit each other:\n- " in str(made)
    else:
        check_soundness(made, values)


def made_of(helm: Path, values: dict[str, Any]) -> list[Object] | Refused:
    try:
        return objects(helm, values)
    except Refused as error:
        return error


def check_soundness(among: list[Object], values: dict[str, Any]) -> None:
    given_settings = values["settings"]
    budget = given_settings.get("MEMORY_BUDGET_MB", 128) + MEMORY_BESIDE_BUDGET_MB
    workloads = [each for each in among if each["kind"] in {"Deployment", "StatefulSet"}]
    assert len(workloads) == 1
    assert not (values["keda"]["enabled"] and values["hpa"]["enabled"])
    for name, pod in pods(among):
        names = [each["name"] for each in containers(pod)[-1]["env"]]
        assert len(names) == len(set(names)), name
        if "terminationGracePeriodSeconds" in pod["spec"]:
            drain = given_settings.get("DRAIN_SECONDS", 20)
            assert pod["spec"]["terminationGracePeriodSeconds"] >= drain + 10
        if "test-ready" not in name:
            limit = containers(pod)[-1]["resources"]["limits"]["memory"]
            mebibytes = int(limit.removesuffix("Mi").removesuffix("Gi")) * (
                1024 if "Gi" in limit else 1
            )
            assert mebibytes >= budget
            assert "e+" not in json.dumps(environment(containers(pod)[-1]))
    kinds = {each["kind"] for each in among}
    assert ("ScaledObject" in kinds) == values["keda"]["enabled"]
    assert ("NetworkPolicy" in kinds) == values["networkPolicy"]["enabled"]
    assert ("Job" in kinds) == values["replay"]["enabled"]
    assert not (values["replay"]["enabled"] and workloads[0]["spec"].get("replicas"))
