from pathlib import Path

import pytest

from consumer.settings import load_settings
from tests.certificates import AUTHORITY, certificate, key
from tests.unit.settings_builders import COMPLETE, problems_with

OAUTH = {
    "SCHEMA_REGISTRY_OAUTH_URL": "https://tokens.example.com/token",
    "SCHEMA_REGISTRY_OAUTH_CLIENT_ID": "client",
    "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET": "hush-hush",
}
CLIENT = {
    "SCHEMA_REGISTRY_CERTIFICATE_FILE": str(certificate("client")),
    "SCHEMA_REGISTRY_KEY_FILE": str(key("client")),
}


def test_a_registry_may_have_several_addresses() -> None:
    urls = "https://one.example.com/, https://two.example.com/path"

    settings = load_settings(COMPLETE | {"SCHEMA_REGISTRY_URL": urls})

    assert settings.schema_registry_url == (
        "https://one.example.com",
        "https://two.example.com/path",
    )


def test_everything_a_registry_may_ask_for_can_be_set() -> None:
    more = (
        OAUTH
        | CLIENT
        | {
            "SCHEMA_REGISTRY_OAUTH_SCOPE": "read schemas",
            "SCHEMA_REGISTRY_LOGICAL_CLUSTER": "lsrc-1",
            "SCHEMA_REGISTRY_IDENTITY_POOL": "pool-1",
            "SCHEMA_REGISTRY_CA_FILE": str(AUTHORITY),
        }
    )

    settings = load_settings(COMPLETE | more)

    assert "hush-hush" not in repr(settings)
    assert settings.schema_registry_key_file == key("client")


def test_the_clients_secret_may_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("first\n")
    environ = COMPLETE | OAUTH | {"SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET_FILE": str(path)}
    del environ["SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET"]

    secret = load_settings(environ).schema_registry_oauth_client_secret
    path.write_text("second\n")

    assert secret is not None
    assert secret.read() == "second"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"SCHEMA_REGISTRY_URL": ","}, "SCHEMA_REGISTRY_URL must name at least one."),
        (
            {"SCHEMA_REGISTRY_URL": "https://a.example.com,b.example.com"},
            "SCHEMA_REGISTRY_URL must be a URL that begins with https:// or http:// and names a host.",
        ),
        (
            OAUTH | {"SCHEMA_REGISTRY_OAUTH_URL": "http://tokens.example.com"},
            "SCHEMA_REGISTRY_OAUTH_URL must begin with https:// (http:// is for this machine only: the token goes there).",
        ),
        (
            OAUTH | {"SCHEMA_REGISTRY_TOKEN": "t"},
            "SCHEMA_REGISTRY_OAUTH_URL must not be set together with SCHEMA_REGISTRY_TOKEN: use one of them.",
        ),
        (
            {"SCHEMA_REGISTRY_OAUTH_URL": "https://tokens.example.com"},
            "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET and SCHEMA_REGISTRY_OAUTH_URL and SCHEMA_REGISTRY_OAUTH_CLIENT_ID "
            "must be set together.",
        ),
        (
            {"SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET": "s"},
            "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET and SCHEMA_REGISTRY_OAUTH_URL and SCHEMA_REGISTRY_OAUTH_CLIENT_ID "
            "must be set together.",
        ),
        (
            {"SCHEMA_REGISTRY_OAUTH_SCOPE": "s"},
            "SCHEMA_REGISTRY_OAUTH_SCOPE is used only with SCHEMA_REGISTRY_OAUTH_URL, which is not set.",
        ),
        (
            {"SCHEMA_REGISTRY_CA_FILE": str(key("client"))},
            "SCHEMA_REGISTRY_CA_FILE must hold certificates in PEM form.",
        ),
        (
            {"SCHEMA_REGISTRY_KEY_FILE": str(key("client"))},
            "SCHEMA_REGISTRY_KEY_FILE is used only with SCHEMA_REGISTRY_CERTIFICATE_FILE, which is not set.",
        ),
        *(
            (
                CLIENT | {"SCHEMA_REGISTRY_KEY_FILE": str(key(name))},
                "SCHEMA_REGISTRY_KEY_FILE must hold the private key of SCHEMA_REGISTRY_CERTIFICATE_FILE in PEM form, "
                "not encrypted.",
            )
            for name in ("server", "encrypted")
        ),
    ],
)
def test_what_does_not_fit_together_is_told(given: dict[str, str], problem: str) -> None:
    assert problems_with(given) == [problem]


def test_a_file_that_is_not_there_is_told() -> None:
    (problem,) = problems_with({"SCHEMA_REGISTRY_CA_FILE": "/nowhere/ca.pem"})

    assert problem.startswith("SCHEMA_REGISTRY_CA_FILE must be a file that exists")
