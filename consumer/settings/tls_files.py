"""Whether files hold what TLS needs: looked at when the settings are read, so that it is told with the rest."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, FilePath


def _authorities(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        raise ValueError("must hold certificates in PEM form") from None
    return path


def check_certificate(certificate: Path, key: Path | None) -> None:
    """Raise ValueError, with the end of a sentence, unless these are a certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # Without a password of ours OpenSSL would ask the terminal for an encrypted key's.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError):
        raise ValueError(
            "must hold the private key of SCHEMA_REGISTRY_CERTIFICATE_FILE in PEM form, not encrypted"
        ) from None


CaFile = Annotated[FilePath, AfterValidator(_authorities)]
