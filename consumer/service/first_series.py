"""Series that are there from the start, at 0: a rate cannot see the first of a series that appears with it.

Only those whose labels are known. What LiveIntent is not asked with these settings has none.
"""

from collections.abc import Iterator

from consumer.audience.membership import Action
from consumer.kafka.poll_loop import BACK_PRESSURE
from consumer.liveintent.upload_outcome import Operation, RetryCause, TransportFailure
from consumer.record import IgnoreReason, RejectReason
from consumer.segment.membership_rules import Note
from consumer.settings import DirectCallSink, Settings
from consumer.telemetry.metrics import Metrics

# Of the Audiences API; `check` and the command line alone use the rest.
_OPERATIONS = (
    Operation.SEARCH_V2,
    Operation.SEARCH_V1,
    Operation.LIST,
    Operation.CREATE,
    Operation.READ,
    Operation.UPDATE,
    Operation.MINT,
    Operation.STORE,
    Operation.UPLOADS,
)
_OF_SINK = {
    DirectCallSink.COLLECTOR: Operation.COLLECT,
    DirectCallSink.CONVERSIONS: Operation.CONVERT,
}
_STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx", *TransportFailure)
_UPLOAD_RESULTS = ("finished", "error", "refused")
_CALL_OUTCOMES = (
    "delivered",
    "perhaps_delivered",
    "released",
    IgnoreReason.TOO_OLD,
    RejectReason.DIRECT_CALL_REFUSED,
)
_CHANGE_OUTCOMES = (
    "delivered",
    IgnoreReason.DUPLICATE,
    IgnoreReason.STALE,
    IgnoreReason.NOBODY_TO_REMOVE,
    RejectReason.AUDIENCE_REFUSED,
    RejectReason.UPLOAD_REFUSED,
)


def begin_at_zero(metrics: Metrics, settings: Settings) -> None:
    """Show every series the service may count in with these settings."""
    metrics.pauses.labels(BACK_PRESSURE)
    for note in Note:
        metrics.event_notes.labels(note)
    for operation in _operations(settings):
        for status_class in _STATUS_CLASSES:
            metrics.liveintent_requests.labels(operation, status_class)
        for cause in RetryCause:
            metrics.liveintent_retries.labels(operation, cause)
    for sink in _sinks(settings):
        for outcome in _CALL_OUTCOMES:
            metrics.of_direct_calls.calls.labels(sink, outcome)
    _uploads(metrics, settings)


def _uploads(metrics: Metrics, settings: Settings) -> None:
    for outcome in _CHANGE_OUTCOMES:
        metrics.changes_finished.labels(outcome)
    for kind in settings.liveintent_identifier_types:
        metrics.upload_invalid_rows.labels(kind)
        metrics.upload_duplicate_rows.labels(kind)
        metrics.upload_missing_rows.labels(kind)
        for action in Action:
            metrics.upload_rows.labels(action, kind)
            for result in _UPLOAD_RESULTS:
                metrics.uploads.labels(action, kind, result)


def _operations(settings: Settings) -> Iterator[Operation]:
    yield from _OPERATIONS
    if settings.privacy_requests:
        yield Operation.PRIVACY_REQUEST
    yield from (_OF_SINK[sink] for sink in _sinks(settings))


def _sinks(settings: Settings) -> tuple[DirectCallSink, ...]:
    """None beside the live group: a visit is not made twice."""
    is_on = settings.direct_calls and settings.replay_id is None
    return settings.direct_call_sink if is_on else ()
