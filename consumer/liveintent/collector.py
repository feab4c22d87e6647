"""Direct calls to LiveIntent's collector: one request each, at most once where nobody can tell whether it was taken.

The collector has no event ids: a call sent twice counts twice. So only what was certainly not taken is sent again: no
connection, or an answer that says so.
"""

from collections.abc import Sequence

from yarl import URL

from consumer.direct_calls.call import DirectCall
from consumer.liveintent.clock import Clock
from consumer.liveintent.collector_query import DEFAULT_MAX_CHARACTERS, collector_request
from consumer.liveintent.direct_http import DirectHttp
from consumer.liveintent.exchange import Exchange, Withdrawn
from consumer.liveintent.http_reply import Reply
from consumer.liveintent.parcel import NotTaken, Parcel, PerhapsTaken, Sent, Taken, decided
from consumer.liveintent.upload_outcome import Operation, OutcomeUnknown, Refused


class Collector:
    """The sink `collector`."""

    calls_max = 1

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        http: DirectHttp,
        exchange: Exchange,
        url: str,
        *,
        app_id: str,
        wrapper_name: str,
        max_characters: int = DEFAULT_MAX_CHARACTERS,
        clock: Clock,
    ) -> None:
        """`url` is the collector's base, without the path."""
        self._http = http
        self._exchange = exchange
        self._url = url.rstrip("/")
        self._app_id = app_id
        self._wrapper_name = wrapper_name
        self._max_characters = max_characters
        self._clock = clock

    async def send(self, parcel: Parcel) -> Sent:
        """Send the one call of the parcel. `Taken` is all the collector ever says: it gives no verdict on a call."""
        match await decided(self._exchange, Operation.COLLECT, parcel, self._get):
            case OutcomeUnknown():
                return PerhapsTaken()
            case Refused() as refused:
                return NotTaken(str(refused))
            case Withdrawn() as withdrawn:
                return withdrawn
            case _:
                return Taken()

    async def _get(self, _token: str, calls: Sequence[DirectCall]) -> Reply:
        (call,) = calls
        request = collector_request(
            call,
            app_id=self._app_id,
            sent_ms=int(self._clock.utc_now().timestamp() * 1000),
            wrapper_name=self._wrapper_name,
            max_characters=self._max_characters,
        )
        # Encoded as it must arrive: quoting again would change what LiveIntent's library is known to send.
        url = URL(f"{self._url}{request.target}", encoded=True)
        return await self._http.get(Operation.COLLECT, url, request.headers)
