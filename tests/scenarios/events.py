"""Changes of membership as events, each a message of its own unless told otherwise."""

import itertools
from collections.abc import Sequence

from tests.segment_events import Fields, an_identify, hashes_of

VIP = "vip_customers"
LAPSED = "lapsed_buyers"
_numbers = itertools.count()


def enters(
    email: str, audience: str = VIP, *, at: str = "2026-03-02T08:15:00Z", **fields: object
) -> Fields:
    """Somebody enters an audience."""
    return _change(email, audience, value=True, at=at, **fields)


def leaves(
    email: str, audience: str = VIP, *, at: str = "2026-03-03T08:15:00Z", **fields: object
) -> Fields:
    """Somebody leaves it, a day later unless told otherwise."""
    return _change(email, audience, value=False, at=at, **fields)


def emails(count: int, stem: str = "p") -> list[str]:
    """So many invented people."""
    return [f"{stem}{number}@example.com" for number in range(count)]


def rows_of(people: Sequence[str]) -> dict[str, set[str]]:
    """What LiveIntent holds of an audience of these people."""
    rows = {row for email in people for row in hashes_of(email)}
    return {"EMAIL_HASH": rows} if rows else {}


def _change(email: str, audience: str, *, value: bool, at: str, **fields: object) -> Fields:
    event = an_identify(
        key=audience, value=value, email=email, messageId=f"personas_{next(_numbers)}"
    )
    times = {"timestamp": at, "originalTimestamp": at, "receivedAt": at}
    return {**event, "userId": f"user-{email}", **times, **fields}
