"""People who leave every audience, as events: Segment's deletion, and its consent event."""

import itertools

from consumer.sandbox.liveintent_server import LiveIntentSandbox
from tests.segment_events import Fields

CONSENT = "Advertising"
USER_ID = "user-of-a-deletion"
_numbers = itertools.count()


def deletion(
    email: str | None = None, *, at: str = "2026-03-04T08:15:00Z", **fields: object
) -> Fields:
    """Segment's own carries a user id and nothing else; a pipeline of one's own may add an email."""
    event: Fields = {
        "type": "delete",
        "messageId": f"delete-{next(_numbers)}",
        "channel": "server",
        "userId": USER_ID,
        "context": [],
        "integrations": [],
        **_at(at),
        **fields,
    }
    return event if email is None else {**event, "traits": {"email": email}}


def consent_event(
    email: str | None, *, agrees: bool, at: str = "2026-03-04T08:15:00Z", **fields: object
) -> Fields:
    """Somebody set preferences."""
    context: Fields = {"consent": {"categoryPreferences": {CONSENT: agrees, "Functional": True}}}
    if email is not None:
        context["traits"] = {"email": email}
    return {
        "type": "track",
        "event": "Segment Consent Preference Updated",
        "messageId": f"ajs-next-{next(_numbers)}",
        "userId": f"user-{email}",
        "context": context,
        "integrations": {},
        "properties": {},
        **_at(at),
        **fields,
    }


def privacy_settings(liveintent: LiveIntentSandbox, **settings: str) -> dict[str, str]:
    """The settings that switch deletions' requests on, at this stand-in."""
    return {
        "PRIVACY_REQUESTS": "erase",
        "LIVEINTENT_PRIVACY_URL": liveintent.url,
        "LIVEINTENT_PRIVACY_TOKEN": liveintent.privacy.token,
        **settings,
    }


def _at(at: str) -> Fields:
    return {"timestamp": at, "originalTimestamp": at, "sentAt": at, "receivedAt": at}
