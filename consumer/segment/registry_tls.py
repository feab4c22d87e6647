"""TLS towards a schema registry, from files that may be renewed while we run."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files in PEM form. Without a CA file the system's certificate authorities are trusted."""

    ca: Path | None = None
    certificate: Path | None = None
    """Ours, with those that lead to its authority."""
    key: Path | None = None
    """Of our certificate, not encrypted; None when it is in the same file."""


class RegistryTls:
    """A TLS context that follows its files: connections made after a change use what they hold by then.

    While a file cannot be used, as in the middle of a rotation, what was read last holds. An authority that was taken
    out of the CA file is trusted until the process starts anew.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Reads the files; for start-up. Raises OSError (ssl.SSLError is one) when one cannot be used."""
        self._files = files
        self.context = ssl.create_default_context(cafile=files.ca)
        self._stamps = self._stamps_now()
        self._load()

    async def refresh(self) -> None:
        """Read the files again if they changed. Never raises for what is in them."""
        await asyncio.to_thread(self._reload_if_changed)

    def _reload_if_changed(self) -> None:
        try:
            stamps = self._stamps_now()
            if stamps == self._stamps:
                return
            self._load()
        except OSError as error:
            log.warning(
                "The schema registry's TLS files cannot be used; the last ones hold.",
                error=type(error).__name__,
            )
        else:
            self._stamps = stamps
            log.info("The schema registry's TLS files were read again.")

    def _load(self) -> None:
        load_files(self.context, self._files)

    def _stamps_now(self) -> tuple[tuple[int, int, int], ...]:
        given = (self._files.ca, self._files.certificate, self._files.key)
        stats = [path.stat() for path in given if path is not None]
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)


def load_files(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Have `context` use the files. Blocks; raises OSError."""
    if files.ca is not None:
        context.load_verify_locations(files.ca)
    if files.certificate is not None:
        # Without a password of ours OpenSSL would ask the terminal for an encrypted key's.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
