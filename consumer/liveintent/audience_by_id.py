"""An audience that is set by its id: whether it may be used, by what LiveIntent says of it. Pure.

Its name does not matter, so that it can be renamed in LiveIntent's UI. It is never created, nor replaced by another.
"""

from consumer.audience.membership import AudienceKey
from consumer.liveintent.audience_answers import AudienceRefused, Undecided
from consumer.liveintent.audience_choice import DELETED
from consumer.liveintent.exchange import Decided
from consumer.liveintent.policies import Account
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.liveintent.upload_outcome import NotFound, Success

SETTING = "LIVEINTENT_AUDIENCE_IDS"


def judged_by_id(
    outcome: Decided[AudienceRow], key: AudienceKey, audience: AudienceId, *, account: Account
) -> AudienceRow | AudienceRefused | Undecided:
    """The audience, Active or Archived or in a status we do not know, when it is there and ours.

    Staging and production count their ids apart, so an id of one is unknown at the other, or is somebody else's there.
    """
    what = f"audience {audience}, which {SETTING} gives {key}"
    match outcome:
        case Success(row) if row.id != audience:
            return Undecided(f"LiveIntent answers with audience {row.id} for {what}.")
        case Success(row) if Account(row.account_id, row.data_provider_id) != account:
            return AudienceRefused(
                f"The {what}, belongs to account {row.account_id} and data provider {row.data_provider_id}, not to ours. "
                "Is it an id of LiveIntent's other host, staging or production?"
            )
        case Success(row) if row.status == DELETED:
            return AudienceRefused(
                f"The {what}, was deleted at LiveIntent. Give it another id, or none."
            )
        case Success(row):
            return row
        case NotFound():
            return AudienceRefused(
                f"LIVEINTENT_URL knows no {what}. Is it an id of LiveIntent's other host, staging or production?"
            )
        case _:
            return Undecided(f"LiveIntent does not tell of {what}: {outcome}")
