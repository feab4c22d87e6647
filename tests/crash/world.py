"""All that the replicas talk to, and what may be done to it. Every call blocks, for a moment at most."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from consumer.record import RejectReason
from consumer.sandbox.liveintent_rows import Rows
from consumer.sandbox.liveintent_server import Breach, Fault, SandboxOptions
from consumer.sandbox.liveintent_uploads import UploadRequest
from consumer.sandbox.segment_encoders import as_avro_confluent, segment_event_schema
from consumer.sandbox.segment_intents import FeedItem, UnusableIntent
from tests.crash.journal import Journal
from tests.crash.plan import Plan
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.embedded import EmbeddedCluster
from tests.kafka_cluster.topics import produce
from tests.scenarios.surroundings import CONSENT_CATEGORY, Surroundings

PARTITIONS = 6
FIRST_TOKEN = "token-5b0e1c-of-the-first-hour"  # made up
DRAIN_SECONDS = 7
# No file is given up for errors: how many each file meets is chance.
ERROR_ATTEMPTS = 1000
_OPTIONS = SandboxOptions(token=FIRST_TOKEN, processing_seconds=0.3)
# A bound that makes files of several parts common, and lanes that wait for each other's parts.
_ROWS_IN_A_FILE = 60


class CrashCluster(KafkaCluster, Protocol):
    """A cluster whose only broker can go away and come back with all it had. `RealKafka` is one."""

    def stop(self) -> None: ...
    def start(self) -> None: ...


class MortalEmbeddedCluster(EmbeddedCluster):
    """librdkafka's mock cluster, with the words of a real broker for going away and coming back."""

    def stop(self) -> None:
        self.set_broker_down()

    def start(self) -> None:
        self.set_broker_up()


class CrashWorld(Surroundings):
    """Kafka, LiveIntent and a schema registry, with switches for what can befall them, and a journal."""

    def __init__(self, cluster: CrashCluster, plan: Plan, directory: Path) -> None:
        super().__init__(cluster, partitions=PARTITIONS, options=_OPTIONS)
        self._broker = cluster
        self._plan = plan
        self._token_file = directory / "token"
        self.tokens = [FIRST_TOKEN]
        self.journal = Journal()
        self.unusable: dict[tuple[int, int], RejectReason] = {}
        """Where the records lie that belong among the dead letters."""

    def start(self) -> None:
        super().start()
        self._schemas = [
            self._registry.register(
                f"{self.topic}-value", {**segment_event_schema(), "doc": f"wave {number}"}
            )
            for number in range(len(self._plan.waves))
        ]
        self._write_token(FIRST_TOKEN)
        self._keep_journal()
        session_ms = round(self._plan.options.session_seconds * 1000)
        properties = {
            **json.loads(self.settings["KAFKA_PROPERTIES"]),
            "session.timeout.ms": str(session_ms),
            "heartbeat.interval.ms": str(max(100, session_ms // 12)),
            "reconnect.backoff.max.ms": "500",
        }
        shared = {
            name: value for name, value in self.settings.items() if name != "LIVEINTENT_API_KEY"
        }
        self.settings: Mapping[str, str] = {
            **shared,
            "LIVEINTENT_API_KEY_FILE": str(self._token_file),
            "LIVEINTENT_AUDIENCES": ",".join(self._plan.audiences),
            "LIVEINTENT_REQUESTS_PER_SECOND": "200",
            "LIVEINTENT_MAX_ROWS_PER_UPLOAD": str(_ROWS_IN_A_FILE),
            "LIVEINTENT_PAGE_SIZE": "500",
            "SEGMENT_CONSENT_CATEGORIES": CONSENT_CATEGORY,
            "UPLOAD_ERROR_ATTEMPTS": str(ERROR_ATTEMPTS),
            "UPLOAD_LIST_DEADLINE_SECONDS": "3",
            "MEMORY_BUDGET_MB": "16",
            "KAFKA_PROPERTIES": json.dumps(properties),
            "DRAIN_SECONDS": str(DRAIN_SECONDS),
        }

    # The feed

    def feed(self, items: Sequence[FeedItem], wave: int) -> None:
        """Produce the next items of a wave, in its own schema."""
        records = [(item.key, as_avro_confluent(item.value, self._schemas[wave])) for item in items]
        written = produce(self.cluster.bootstrap_servers, self.topic, records)
        now = time.time()
        for item, where in zip(items, written, strict=True):
            self.journal.fed(item, where, at=now)
            if isinstance(item.intent, UnusableIntent):
                self.unusable[where] = item.intent.reason

    # What can befall LiveIntent

    def add_faults(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            self.add_fault(fault)

    def end_faults(self, faults: Sequence[Fault]) -> None:
        """End these faults, and let go what they held."""

        def end() -> None:
            for fault in faults:
                self._liveintent.faults.end(fault)

        self._asked(end)

    def close_liveintent(self) -> None:
        """Nobody listens there any more, and every connection is cut."""
        self._on_loop(self._liveintent.stop())

    def open_liveintent(self) -> None:
        """It listens again, and remembers everything."""
        port = int(self._liveintent.url.rpartition(":")[2])
        self._on_loop(self._liveintent.start(port=port))

    def rotate_token(self) -> None:
        """LiveIntent takes a new token only, and nobody has it yet."""
        self.tokens.append(f"token-{len(self.tokens)}-8d2f77-of-a-later-hour")
        self._asked(lambda: self._liveintent.rotate_token(self.tokens[-1]))

    def hand_out_token(self) -> None:
        """Put the token that is right into the file the replicas read."""
        self._write_token(self.tokens[-1])

    def break_registry(self, status: int) -> None:
        """Have the schema registry answer everything with this status."""
        self._registry.outage = status

    def mend_registry(self) -> None:
        self._registry.outage = None

    # What can befall Kafka

    def stop_broker(self) -> None:
        self._broker.stop()

    def start_broker(self) -> None:
        self._broker.start()

    # What came of it

    def breach_list(self) -> list[Breach]:
        return self._asked(lambda: list(self._liveintent.breaches))

    def signatures(self) -> list[str]:
        """The secret part of every signed URL there was."""
        return self._asked(lambda: list(self._liveintent._state.uploads._signed_urls))

    def _write_token(self, token: str) -> None:
        """As Kubernetes does: the file is there all the time, and never half written."""
        new = self._token_file.with_suffix(".new")
        new.write_text(f"{token}\n")
        new.rename(self._token_file)

    def _keep_journal(self) -> None:
        uploads, journal = self._liveintent._state.uploads, self.journal
        take_in = uploads.store

        def store(request: UploadRequest, rows: Rows, now: float, *, fault: Fault | None) -> None:
            journal.stored(request.audience.name, request.identifier_type, rows.valid)
            take_in(request, rows, now, fault=fault)

        uploads.store = store  # type: ignore[method-assign]
