"""Direct calls to LiveIntent's Conversions API: many in a request, each with an id that is the same in every repetition."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from aiohttp import hdrs
from yarl import URL

from consumer.direct_calls.call import DirectCall
from consumer.liveintent.conversions_body import MOST_EVENTS, conversions_body
from consumer.liveintent.direct_call_outcome import refused_events
from consumer.liveintent.direct_http import DirectHttp
from consumer.liveintent.exchange import Exchange, Withdrawn
from consumer.liveintent.http_reply import Reply
from consumer.liveintent.parcel import NotTaken, Parcel, Sent, Taken, decided
from consumer.liveintent.shapes import UnexpectedShape
from consumer.liveintent.upload_outcome import Operation, OutcomeUnknown, Refused, Success

_PARTLY = "LiveIntent took a part of the request, and does not say which"


class Conversions:
    """The sink `conversions`."""

    calls_max = MOST_EVENTS

    def __init__(
        self, http: DirectHttp, exchange: Exchange, url: str, *, customer_id: str, pixel_id: int
    ) -> None:
        """`url` is the API's base; `exchange` has the token."""
        self._http = http
        self._exchange = exchange
        self._url = conversions_url(url, customer_id)
        self._pixel_id = pixel_id

    async def send(self, parcel: Parcel) -> Sent:
        """Send the parcel; repeated as often as it takes, since LiveIntent knows an event by its id."""
        sent: Sequence[DirectCall] = ()

        async def post(token: str, calls: Sequence[DirectCall]) -> Reply:
            nonlocal sent
            sent = calls
            return await self._post(token, calls)

        match await decided(self._exchange, Operation.CONVERT, parcel, post):
            case Success(said):
                return Taken() if said is None else _partly_taken(said, sent)
            case Refused() as refused:
                return NotTaken(str(refused))
            case Withdrawn() as withdrawn:
                return withdrawn
            case OutcomeUnknown():
                message = "a conversion can be repeated, so its outcome is never left open"
                raise TypeError(message)

    async def _post(self, token: str, calls: Sequence[DirectCall]) -> Reply:
        return await self._http.post(
            Operation.CONVERT,
            self._url,
            conversions_body(calls, pixel_id=self._pixel_id),
            conversions_headers(token),
        )


def conversions_url(url: str, customer_id: str) -> URL:
    """Where events are sent to. `url` is the API's base."""
    return URL(f"{url.rstrip('/')}/conversions/{quote(customer_id, safe='')}", encoded=True)


def conversions_headers(token: str) -> Mapping[str, str]:
    """What goes with a request."""
    return {
        hdrs.AUTHORIZATION: f"Bearer {token}",
        hdrs.ACCEPT: "application/json",
        hdrs.CONTENT_TYPE: "application/json",
    }


def _partly_taken(said: object, sent: Sequence[DirectCall]) -> Taken | NotTaken:
    """What an answer of 200 says of each event; when it does not say, sending them by themselves will tell."""
    try:
        refused = refused_events(said)
    except UnexpectedShape:
        return NotTaken(_PARTLY)
    return Taken(
        {
            place: refused[call.event_id]
            for place, call in enumerate(sent)
            if call.event_id in refused
        }
    )
