"""A real schema registry with Confluent's API: Apicurio Registry, started on loopback."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.kafka_cluster.maven import unpacked_archive
from tests.kafka_cluster.real_kafka import (
    JAVA_OPTIONS,
    START_SECONDS,
    STOP_SECONDS,
    WHILE_STDIN_IS_OPEN,
)
from tests.ports import LOOPBACK, free_ports

# The newest that runs on Java 17; 3.x needs 21. Version 7 of Confluent's API, which has no GUIDs yet.
VERSION = "2.6.13.Final"
API_PATH = "/apis/ccompat/v7"
_SHOWN_CHARACTERS = 3000


def registry_program() -> Path:
    """Return the folder of the registry's program, fetched if need be. Raises `JavaUnavailable`."""
    return unpacked_archive(
        f"apicurio-registry-{VERSION}", f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
    )


class RealRegistry:
    """One Apicurio Registry with its schemas in files of `directory`, from construction to `stop`.

    With a `certificate` and its `key` it also serves TLS, at `tls_url`. Every call blocks.
    """

    def __init__(
        self, directory: Path, *, certificate: Path | None = None, key: Path | None = None
    ) -> None:
        self._program = registry_program()
        self._directory = directory
        self._port, self._tls_port = free_ports(2)
        self._tls: list[str] = []
        if certificate is not None:
            self._tls = [
                f"-Dquarkus.http.ssl-port={self._tls_port}",
                f"-Dquarkus.http.ssl.certificate.files={certificate}",
                f"-Dquarkus.http.ssl.certificate.key-files={key}",
            ]
        self._process: subprocess.Popen[bytes] | None = None
        self.log_file = directory / "registry.log"
        self.start()

    @property
    def url(self) -> str:
        """Where its Confluent API is. It outlives `restart`."""
        return f"http://{LOOPBACK}:{self._port}{API_PATH}"

    @property
    def tls_url(self) -> str:
        """The same over TLS."""
        return f"https://{LOOPBACK}:{self._tls_port}{API_PATH}"

    def register(
        self,
        subject: str,
        schema: Mapping[str, Any],
        references: Sequence[Mapping[str, object]] = (),
    ) -> int:
        """Register a schema as one more version of the subject; returns its id."""
        body = {"schema": json.dumps(schema), "references": list(references)}
        answer = self._request(f"/subjects/{subject}/versions", json.dumps(body).encode())
        return int(json.loads(answer)["id"])

    def start(self) -> None:
        """Start it on the schemas it has, and return when it answers."""
        java = [
            "java", *JAVA_OPTIONS, "-Xmx512m",
            f"-Dquarkus.http.host={LOOPBACK}",
            f"-Dquarkus.http.port={self._port}",
            f"-Dquarkus.datasource.jdbc.url=jdbc:h2:file:{self._directory / 'schemas'}",
            *self._tls,
            "-jar", str(self._program / f"apicurio-registry-app-{VERSION}-runner.jar"),
        ]  # fmt: skip
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", WHILE_STDIN_IS_OPEN, "sh", *java],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=self._directory,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._request("/subjects")
            except OSError:
                if self._process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
            else:
                return
            self.stop()
            message = f"the registry did not start; {self.log_file} ends with:\n"
            raise RuntimeError(message + self.log_file.read_text()[-_SHOWN_CHARACTERS:])

    def stop(self) -> None:
        """Shut it down in good order, or after some seconds without mercy. Stopping again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _request(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            self.url + path, data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            content: bytes = response.read()
            return content

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
