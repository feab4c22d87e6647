"""What a client of the LiveIntent stand-in did against the contract, and how the stand-in refuses a request."""

from dataclasses import dataclass
from enum import StrEnum


class BreachKind(StrEnum):
    """What a client must not do."""

    AUTHORIZATION_SENT_TO_STORAGE = "authorization_sent_to_storage"
    CHUNKED_PUT = "chunked_put"
    CONTENT_TYPE_ON_PUT = "content_type_on_put"
    SIGNED_URL_USED_TWICE = "signed_url_used_twice"
    REDIRECT_FOLLOWED = "redirect_followed"
    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_IDENTIFIER_TYPE = "unknown_identifier_type"
    EMPTY_FILE = "empty_file"
    INVALID_ROW = "invalid_row"
    RAW_EMAIL = "raw_email"
    TWO_UNFINISHED_UPLOADS = "two_unfinished_uploads"
    """Of one audience. Two replicas may do so; one client may not."""
    ADD_AND_REMOVE_UNFINISHED = "add_and_remove_unfinished"
    """One identifier is in two unfinished uploads of one audience, added by one and removed by the other."""
    NAME_CREATED_TWICE = "name_created_twice"
    TOO_MANY_REQUESTS = "too_many_requests"


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing a client did against the contract. `detail` holds names and numbers, never a row or a secret."""

    kind: BreachKind
    detail: str


class Refused(Exception):
    """The request is answered with an error of this HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
