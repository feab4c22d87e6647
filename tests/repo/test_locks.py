"""The lock files of the two images agree, and say nothing about where packages came from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / name).read_text("utf-8")))


def test_the_image_with_tracing_differs_by_opentelemetry_and_what_it_needs_alone() -> None:
    plain, tracing = pins("requirements.lock"), pins("requirements-tracing.lock")

    assert plain.items() <= tracing.items(), "run: make lock"
    assert {
        "opentelemetry-sdk",
        "opentelemetry-exporter-otlp-proto-http",
    } <= tracing.keys() - plain.keys()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-tracing.lock"])
def test_a_lock_pins_by_hash_and_names_no_index(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")

    assert len(re.findall(r"^\S+==\S+.* \\\n    --hash=sha256:", text, re.MULTILINE)) == len(
        pins(name)
    )
    assert re.search(r"index-url|find-links|https?://", text) is None


def test_the_image_can_be_built_with_either_lock() -> None:
    taken = (ROOT / ".dockerignore").read_text("utf-8").splitlines()

    assert {"!requirements.lock", "!requirements-tracing.lock"} <= set(taken)
    assert "ARG REQUIREMENTS=requirements.lock\n" in (ROOT / "Dockerfile").read_text("utf-8")
