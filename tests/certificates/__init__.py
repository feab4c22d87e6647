"""Invented certificates, and TLS servers made of them."""

import ssl
from pathlib import Path

_HERE = Path(__file__).parent
AUTHORITY = _HERE / "authority.pem"
OTHER_AUTHORITY = _HERE / "other_authority.pem"


def certificate(name: str) -> Path:
    """The certificate of this name, signed by the authority."""
    return _HERE / f"{name}.pem"


def key(name: str) -> Path:
    """The key of that certificate."""
    return _HERE / f"{name}.key"


def server_context(name: str = "server") -> ssl.SSLContext:
    """For a server that presents this certificate. Blocks."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate(name), key(name))
    return context


def asking_server_context() -> ssl.SSLContext:
    """For a server that asks for a certificate of the authority in turn. Blocks."""
    context = server_context()
    context.load_verify_locations(AUTHORITY)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
