"""HTTP sessions that do nothing unseen."""

import aiohttp
from aiohttp import ClientTimeout, hdrs

from consumer.liveintent.http_reply import USER_AGENT
from consumer.liveintent.policies import Timeouts


def plain_session(connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """A session that keeps no cookie and repeats nothing by itself. Made within an event loop; whoever has it closes it."""
    session = aiohttp.ClientSession(
        connector=connector,
        # A jar would give all people the cookie of the first, and could follow a redirected signature.
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={hdrs.USER_AGENT: USER_AGENT},
    )
    # aiohttp repeats a PUT or GET whose connection broke, unseen by us. What was sent may have taken effect: a signed URL
    # is good for one file, and the collector counts every call.
    session._retry_connection = False  # noqa: SLF001 - there is no public switch
    return session


def exchange_timeout(timeouts: Timeouts) -> ClientTimeout:
    """How long one exchange with an API may take, and each of its phases."""
    return ClientTimeout(
        total=timeouts.request_seconds,
        sock_connect=timeouts.connect_seconds,
        sock_read=timeouts.read_seconds,
    )
