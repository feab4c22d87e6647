"""Which ways of looking for an audience by its name LiveIntent takes, and whether they find it. Reads only.

LiveIntent's OpenAPI declares a name's filter with a number. So it may refuse text; or take it and find nothing, and then
every audience would be created again by each process.
"""

from collections.abc import AsyncIterator, Mapping
from enum import Enum, auto

from consumer.choices import AudienceLookup
from consumer.cli.checks.findings import Check, Finding, failed, ok, warning
from consumer.cli.checks.liveintent import LiveIntentLook
from consumer.cli.checks.liveintent_trouble import once, trouble_finding
from consumer.liveintent.shapes import AudienceRow
from consumer.liveintent.upload_outcome import RetryLater, Success, Unauthorised

SETTING = "LIVEINTENT_AUDIENCE_LOOKUP"
_SEARCHES = (AudienceLookup.SEARCH_V2, AudienceLookup.SEARCH_V1)


class _Learned(Enum):
    FINDS = auto()
    REFUSES = auto()
    FINDS_NOTHING = auto()


async def lookup_findings(look: LiveIntentLook) -> AsyncIterator[Finding]:
    """Search, in each way there is, for an audience that is known to be there."""
    row = await look.any_audience()
    if isinstance(row, RetryLater | Unauthorised):
        yield trouble_finding(Check.LOOKUP, row)
        return
    if row is None:
        yield ok(Check.LOOKUP, "not tried: there is no audience of ours yet to look for")
        return
    learned: dict[AudienceLookup, _Learned] = {}
    for lookup in _SEARCHES:
        found = await _search(look, lookup, row)
        if isinstance(found, RetryLater | Unauthorised):
            yield trouble_finding(Check.LOOKUP, found, subject=lookup)
            return
        learned[lookup] = found
    for lookup in _SEARCHES:
        yield _finding(lookup, learned, used=look.lookup)


async def _search(
    look: LiveIntentLook, lookup: AudienceLookup, row: AudienceRow
) -> _Learned | RetryLater | Unauthorised:
    page = await once(look.first_page(lookup, name=row.name), seconds=look.seconds)
    if isinstance(page, RetryLater | Unauthorised):
        return page
    if not isinstance(page, Success):
        return _Learned.REFUSES
    is_found = any(each.id == row.id for each in page.value.items)
    # On a further page it may be: the name was taken and not minded, and names are compared by us anyway.
    return _Learned.FINDS if is_found or page.value.has_more else _Learned.FINDS_NOTHING


def _finding(
    lookup: AudienceLookup, learned: Mapping[AudienceLookup, _Learned], *, used: AudienceLookup
) -> Finding:
    better = next((each for each in _SEARCHES if learned[each] is _Learned.FINDS), None)
    match learned[lookup]:
        case _Learned.FINDS:
            return ok(Check.LOOKUP, f"finds audiences by name ({SETTING}={lookup})", subject=lookup)
        case _Learned.REFUSES if lookup is not used:
            return ok(Check.LOOKUP, "refuses names; it is not the one that is set", subject=lookup)
        case _Learned.REFUSES:
            return warning(
                Check.LOOKUP,
                "refuses names; all audiences are read instead, and their names compared here",
                subject=lookup,
                advice=None if better is None else f"Set {SETTING}={better}: that takes names.",
            )
        case _Learned.FINDS_NOTHING if lookup is not used:
            return ok(
                Check.LOOKUP,
                "does not find an audience by its name; it is not the one that is set",
                subject=lookup,
            )
        case _Learned.FINDS_NOTHING:
            return failed(
                Check.LOOKUP,
                "does not find an audience by its name: each would be created again by every process",
                subject=lookup,
                advice=f"Set {SETTING}={better or AudienceLookup.LIST}.",
            )
