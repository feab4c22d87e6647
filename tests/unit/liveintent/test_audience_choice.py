from datetime import UTC, datetime, timedelta
from itertools import permutations

from consumer.liveintent.audience_choice import precedence
from consumer.liveintent.shapes import AudienceId, AudienceRow

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def an_audience(number: int, *, days_later: int) -> AudienceRow:
    return AudienceRow(
        id=AudienceId(number),
        name="spring_buyers",
        account_id=7001,
        data_provider_id=84,
        status="Active",
        created_at=FIRST + timedelta(days=days_later),
    )


def test_the_earliest_created_is_used_then_the_lowest_id_in_whatever_order_they_are_found() -> None:
    earliest, twin, later = (
        an_audience(900_007, days_later=0),
        an_audience(900_008, days_later=0),
        an_audience(900_001, days_later=1),
    )

    for found in permutations([earliest, twin, later]):
        assert sorted(found, key=precedence) == [earliest, twin, later]
