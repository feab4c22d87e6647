"""The closed choices an operator makes. A member's value is what is written in a setting; everyone uses these."""

from enum import StrEnum


class AudienceLookup(StrEnum):
    """How an audience is looked for by name first; when LiveIntent refuses one way, the next is tried."""

    SEARCH_V2 = "search_v2"
    SEARCH_V1 = "search_v1"
    LIST = "list"


class OnArchived(StrEnum):
    """What to do when the audience we serve is archived at LiveIntent."""

    FAIL = "fail"
    ACTIVATE = "activate"


class OnDeleted(StrEnum):
    """What to do when the audience we serve is deleted at LiveIntent."""

    FAIL = "fail"
    CREATE = "create"


class DeliveryAck(StrEnum):
    """When a change counts as delivered."""

    FINISHED = "finished"
    STORED = "stored"


class EmailHash(StrEnum):
    """The hashes LiveIntent takes for an email address; in this order wherever they are listed."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"


class EventFormat(StrEnum):
    """How a record's value holds the event, or the events. Never guessed: bare bytes can look like any of them.

    `detect` tells apart by their first bytes those that say what they are: all but `avro-bare`.
    """

    AVRO_CONFLUENT = "avro-confluent"
    AVRO_SINGLE_OBJECT = "avro-single-object"
    AVRO_CONTAINER = "avro-container"
    AVRO_BARE = "avro-bare"
    JSON = "json"
    DETECT = "detect"


class FirstStart(StrEnum):
    """Where a group without offsets begins, when not at a point in time."""

    EARLIEST = "earliest"
    LATEST = "latest"


class LogFormat(StrEnum):
    """How a log line is written."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important log lines to write."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
