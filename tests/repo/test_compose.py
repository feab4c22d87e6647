"""The compose file as it is written. Its parts are run elsewhere; its header says where."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.settings import load_settings

REPOSITORY = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_it_has_everything_a_newcomer_wants_to_see() -> None:
    assert {"kafka", "registry", "sandbox", "consumer", "prometheus", "grafana"} <= SERVICES.keys()


def test_the_service_can_use_its_settings() -> None:
    settings = load_settings(SERVICES["consumer"]["environment"])

    assert settings.kafka_bootstrap_servers == "kafka:9092"


def test_the_service_reaches_the_sandbox_at_an_address_of_its_own() -> None:
    port = SERVICES["sandbox"]["command"][SERVICES["sandbox"]["command"].index("--port") + 1]

    assert SERVICES["consumer"]["network_mode"] == "service:sandbox"
    assert SERVICES["consumer"]["environment"]["LIVEINTENT_URL"] == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_image_moves_by_itself(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")

    assert tag
    assert tag != "latest"


def test_all_that_is_depended_on_mounted_or_configured_is_there() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= SERVICES.keys()
        for each in service.get("volumes", []):
            assert (REPOSITORY / each.partition(":")[0]).exists(), each
        for each in service.get("configs", []):
            assert each["source"] in COMPOSE["configs"]


def test_every_file_in_it_is_yaml_and_grafana_reads_the_prometheus_that_scrapes_the_service() -> (
    None
):
    files = {name: yaml.safe_load(each["content"]) for name, each in COMPOSE["configs"].items()}
    (scrape,) = files["prometheus"]["scrape_configs"]
    (source,) = files["grafana-datasource"]["datasources"]

    assert scrape["static_configs"][0]["targets"] == ["sandbox:8080"]
    assert source["url"] == "http://prometheus:9090"
    assert source["type"] == "prometheus"


def test_ports_are_open_to_this_machine_only() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
