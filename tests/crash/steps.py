"""What can be done to the system, and the bounds of each. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Action(StrEnum):
    """What a step does. It begins at a time, and most end some seconds later."""

    KILL = "kill"
    """SIGKILL to a replica; another process takes its place when the step ends."""
    STOP = "stop"
    """SIGTERM to a replica, and a successor when it is gone and the step has ended."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT well within the session."""
    LONG_PAUSE = "long_pause"
    """SIGSTOP, and SIGCONT when the group has given the partitions to others."""
    VISIT = "visit"
    """A third replica joins, and leaves by SIGTERM."""
    KILLED_VISIT = "killed_visit"
    """A third replica joins, and is killed."""
    BROKER_RESTART = "broker_restart"

    REFUSED_CONNECTIONS = "refused_connections"
    """Nobody listens at LiveIntent."""
    RESET_CONNECTIONS = "reset_connections"
    SERVER_ERRORS = "server_errors"
    SERVER_BLIP = "server_blip"
    """A few errors, too few to open the circuit."""
    RATE_LIMIT = "rate_limit"
    """429 with Retry-After."""
    STORAGE_FAILURES = "storage_failures"
    SLOWNESS = "slowness"
    """Every answer takes its time."""
    REFUSED_TOKEN = "refused_token"
    """401 although the token is right."""
    TOKEN_ROTATION = "token_rotation"
    """LiveIntent takes a new token only; the file has it when the step ends."""

    UPLOAD_ERROR = "upload_error"
    """Some uploads end with Error."""
    LATE_UPLOADS = "late_uploads"
    """Some uploads take longer than a session."""
    STUCK_UPLOADS = "stuck_uploads"
    """Some uploads stay Pending until the step ends."""
    LOST_UPLOAD = "lost_upload"
    """A stored file is never listed."""
    LOST_ANSWERS = "lost_answers"
    """Some requests are done, and the connection drops before the answer."""
    SHUFFLED_LISTS = "shuffled_lists"
    """Uploads are listed in no useful order."""

    REGISTRY_OUTAGE = "registry_outage"


# On one replica at a time; the plan says which.
ON_A_REPLICA: Final = frozenset({Action.KILL, Action.STOP, Action.PAUSE, Action.LONG_PAUSE})
VISITS: Final = frozenset({Action.VISIT, Action.KILLED_VISIT})
# The group is shared out anew.
REBALANCING: Final = frozenset({Action.KILL, Action.STOP, Action.LONG_PAUSE, *VISITS})
LIVEINTENT_OUTAGES: Final = frozenset(
    {
        Action.REFUSED_CONNECTIONS,
        Action.RESET_CONNECTIONS,
        Action.SERVER_ERRORS,
        Action.RATE_LIMIT,
        Action.STORAGE_FAILURES,
        Action.REFUSED_TOKEN,
        Action.TOKEN_ROTATION,
    }
)
OUTAGES: Final = frozenset(
    {*LIVEINTENT_OUTAGES, Action.SERVER_BLIP, Action.SLOWNESS, Action.REGISTRY_OUTAGE}
)
ONE_AT_A_TIME: Final = frozenset({Action.BROKER_RESTART, Action.REGISTRY_OUTAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing done to the system. `times` is how many requests or uploads it hits, where that is bounded."""

    at_seconds: float
    action: Action
    seconds: float = 0.0
    replica: int | None = None
    times: int = 1
    audience: str | None = None

    @property
    def ends_at_seconds(self) -> float:
        return self.at_seconds + self.seconds

    def __str__(self) -> str:
        words = [self.action.replace("_", " ")]
        if self.replica is not None:
            words.append(f"of replica {self.replica}")
        if self.audience is not None:
            words.append(f"in {self.audience}")
        if self.action in MOST_TIMES:
            words.append(f"x{self.times}")
        if self.seconds:
            words.append(f"for {self.seconds:.1f} s")
        return " ".join(words)


# From the shortest to the longest. Outages are brief: the circuit's own waits, from seconds on, come on top.
SHORTEST_AND_LONGEST: Final[Mapping[Action, tuple[float, float]]] = MappingProxyType(
    {
        Action.KILL: (0.0, 2.0),
        Action.STOP: (0.0, 1.5),
        Action.PAUSE: (0.1, 0.5),
        Action.LONG_PAUSE: (1.4, 2.0),
        Action.VISIT: (0.7, 1.8),
        Action.KILLED_VISIT: (0.7, 1.8),
        Action.BROKER_RESTART: (0.2, 1.5),
        Action.REFUSED_CONNECTIONS: (0.3, 2.0),
        Action.RESET_CONNECTIONS: (0.3, 1.5),
        Action.SERVER_ERRORS: (0.3, 2.0),
        Action.RATE_LIMIT: (0.3, 1.5),
        Action.STORAGE_FAILURES: (0.3, 2.0),
        Action.SLOWNESS: (1.0, 4.0),
        Action.REFUSED_TOKEN: (0.3, 1.5),
        Action.TOKEN_ROTATION: (0.0, 2.0),
        Action.LATE_UPLOADS: (0.7, 3.0),
        Action.STUCK_UPLOADS: (0.5, 4.0),
        Action.SHUFFLED_LISTS: (1.0, 5.0),
        Action.REGISTRY_OUTAGE: (0.5, 4.0),
    }
)
IN_SESSIONS: Final = frozenset({Action.PAUSE, Action.LONG_PAUSE, *VISITS, Action.LATE_UPLOADS})
# At most so many.
MOST_TIMES: Final[Mapping[Action, int]] = MappingProxyType(
    {
        Action.SERVER_BLIP: 4,
        Action.UPLOAD_ERROR: 2,
        Action.LATE_UPLOADS: 10,
        Action.STUCK_UPLOADS: 2,
        Action.LOST_ANSWERS: 4,
    }
)
