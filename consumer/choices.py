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


class OnDeletion(StrEnum):
    """What to do when Segment asks to erase a user."""

    IGNORE = "ignore"
    REMOVE = "remove"
    STRICT = "strict"


class OnDeleted(StrEnum):
    """What to do when the audience we serve is deleted at LiveIntent."""

    FAIL = "fail"
    CREATE = "create"


class DeliveryAck(StrEnum):
    """When a change counts as delivered."""

    FINISHED = "finished"
    STORED = "stored"


class DirectCallSink(StrEnum):
    """Where direct calls go: to the collector that LiveIntent's browser library calls, or to its Conversions API."""

    COLLECTOR = "collector"
    CONVERSIONS = "conversions"


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


class IdentifierType(StrEnum):
    """The identifier kinds LiveIntent's Audiences API takes, spelled as it spells them."""

    EMAIL_HASH = "EMAIL_HASH"
    AAID = "AAID"
    IDFA = "IDFA"


class LetterCase(StrEnum):
    """How the letters of a device id are written."""

    LOWER = "lower"
    UPPER = "upper"


class MetadataEncoding(StrEnum):
    """How the metadata of an audience we create is written, if any is sent."""

    NONE = "none"
    PLAIN = "plain"
    TAGGED = "tagged"


class UploadCompression(StrEnum):
    """How a file is packed before it is stored."""

    NONE = "none"
    GZIP = "gzip"
    ZIP = "zip"


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


class PrivacyEntity(StrEnum):
    """Whose data a privacy request is about at LiveIntent, spelled as its Privacy API spells it."""

    ADVERTISER = "advertiser"
    PUBLISHER = "publisher"
    MEDIA_GROUP = "media_group"
    GLOBAL = "global"


class PrivacyJurisdiction(StrEnum):
    """Whose law a privacy request is made under, spelled as LiveIntent's Privacy API spells it."""

    US_PRIVACY = "US_PRIVACY"
    EU_PRIVACY = "EU_PRIVACY"


class PrivacyRequests(StrEnum):
    """What LiveIntent's Privacy API is asked for: to erase whom Segment deletes, to restrict who took consent back."""

    ERASE = "erase"
    RESTRICT = "restrict"


class TraceExport(StrEnum):
    """Where spans go: nowhere, or to a collector that speaks OTLP, OpenTelemetry's protocol."""

    NONE = "none"
    OTLP = "otlp"


class SegmentCall(StrEnum):
    """The calls of Segment's API that can become a direct call (source: Segment's spec)."""

    PAGE = "page"
    SCREEN = "screen"
    TRACK = "track"
    IDENTIFY = "identify"
    GROUP = "group"
