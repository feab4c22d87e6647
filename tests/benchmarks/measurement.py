"""What one run of one row measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run. `cpu_seconds` are those of what is measured alone, all its threads; `beside` those of the others.

    Both begin when the partitions are assigned, as `seconds` does: starting Python is no part of it. `wrong` says in
    sentences what did not come out as it must.
    """

    events: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    changes: int = 0
    uploads: int = 0
    requests: int = 0
    first_stored_seconds: float | None = None
    """From the assignment to the first file at LiveIntent."""
    latencies: tuple[float, float] | None = None
    """Seconds from a record's timestamp to the file that holds its change: half of all, and 99 of 100, took no more."""
    beside: Mapping[str, float] = field(default_factory=dict)
    threads: Mapping[str, float] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds / self.events * 1e6

    @property
    def uploads_per_million(self) -> float | None:
        """Files for a million changes; None where nothing is uploaded."""
        return self.uploads / self.changes * 1e6 if self.uploads else None

    @property
    def requests_per_million(self) -> float | None:
        """Calls to LiveIntent for a million changes, files included; None where there are none."""
        return self.requests / self.changes * 1e6 if self.requests else None
