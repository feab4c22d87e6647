import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from consumer.audience.membership import AudienceKey
from consumer.choices import OnArchived, OnDeleted
from consumer.liveintent.audience_directory import AudienceDirectory, AudienceRefused
from consumer.liveintent.audience_prospects import Foretold, Prospect, foretell
from consumer.liveintent.policies import DirectoryPolicy
from consumer.liveintent.shapes import AudienceId, AudienceRow
from consumer.telemetry.metrics import Metrics
from tests.unit.liveintent.fake_liveintent import ACCOUNT, FakeLiveIntent
from tests.unit.liveintent.virtual_time import VirtualTime

KEY = AudienceKey("vip_customers")
STATUSES = ("Active", "Archived", "Deleted", "Paused")

policies = st.builds(
    DirectoryPolicy,
    auto_create=st.booleans(),
    on_archived=st.sampled_from(OnArchived),
    on_deleted=st.sampled_from(OnDeleted),
)


@given(statuses=st.lists(st.sampled_from(STATUSES), max_size=4), policy=policies)
def test_what_is_foretold_is_what_the_directory_then_does(
    statuses: Sequence[str], policy: DirectoryPolicy
) -> None:
    foretold = foretell(rows_of(a_liveintent(statuses)), policy)

    assert asyncio.run(what_the_directory_does(statuses, policy)) == (
        foretold.prospect,
        foretold.audience,
    )


@pytest.mark.parametrize(
    ("statuses", "foretold"),
    [
        ([], Foretold(Prospect.CREATE)),
        (["Active"], Foretold(Prospect.USE, AudienceId(900_001))),
        (["Archived"], Foretold(Prospect.REFUSE_ARCHIVED, AudienceId(900_001))),
        (["Deleted"], Foretold(Prospect.REFUSE_DELETED)),
        (["Archived", "Active"], Foretold(Prospect.USE, AudienceId(900_002))),
        (
            ["Active", "Deleted", "Active"],
            Foretold(Prospect.USE, AudienceId(900_001), (AudienceId(900_003),)),
        ),
    ],
)
def test_by_default_nothing_archived_or_deleted_is_touched(
    statuses: list[str], foretold: Foretold
) -> None:
    assert foretell(rows_of(a_liveintent(statuses)), DirectoryPolicy()) == foretold


def a_liveintent(statuses: Sequence[str]) -> FakeLiveIntent:
    liveintent = FakeLiveIntent(VirtualTime())
    for status in statuses:
        liveintent.add(KEY, status=status)
    return liveintent


def rows_of(liveintent: FakeLiveIntent) -> list[AudienceRow]:
    return [row for row, _ in liveintent.audiences]


async def what_the_directory_does(
    statuses: Sequence[str], policy: DirectoryPolicy
) -> tuple[Prospect, AudienceId | None]:
    liveintent = a_liveintent(statuses)
    directory = AudienceDirectory(
        liveintent, ACCOUNT, policy, Metrics(CollectorRegistry()), clock=liveintent.time.clock
    )
    resolved = await liveintent.time.run(directory.resolve(KEY))
    if liveintent.calls["create"]:
        return Prospect.CREATE, None
    if isinstance(resolved, AudienceRefused):
        refusal = next(each for word, each in REFUSALS if word in resolved.detail)
        archived = [row.id for row in rows_of(liveintent) if row.status == "Archived"]
        return refusal, archived[0] if refusal is Prospect.REFUSE_ARCHIVED else None
    return Prospect.ACTIVATE if liveintent.calls["activate"] else Prospect.USE, resolved


REFUSALS = (
    ("archived", Prospect.REFUSE_ARCHIVED),
    ("deleted", Prospect.REFUSE_DELETED),
    ("has no audience", Prospect.REFUSE_ABSENT),
)
