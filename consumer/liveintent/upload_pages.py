"""Which pages of the list of uploads must be read to know every upload since some moment. Pure.

LiveIntent documents neither the order of the list nor how long entries stay in it, so a long list may take hundreds
of requests. The order is therefore looked for in the first and the last page: where both are sorted, only the new end is
read; where they are not, all of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from consumer.liveintent.shapes import UploadEntry

Pages = Mapping[int, Sequence[UploadEntry]]


def next_page(read: Pages, *, pages: int, since: datetime) -> int | None:
    """The page to read next, counted from 1; None when every entry scheduled at `since` or later has been read.

    `read` holds the pages read so far, `pages` is how many LiveIntent says there are.
    """
    unread = [page for page in range(1, pages + 1) if page not in read]
    if not unread:
        return None
    if 1 in unread:
        return 1
    if pages in unread:
        return pages
    # `lastUpdate` is never before `scheduleAt`, so a list sorted by either can be cut; where both seem to be sorted,
    # the cut by `lastUpdate` comes later, and is right for both.
    sorted_ways = [key for key in (_last_update, _schedule_at) if _is_sorted(read, key)]
    if not sorted_ways:
        return unread[0]
    moment = sorted_ways[0]
    if _newest_first(read, moment):
        edge, page = read[unread[0] - 1], unread[0]
    else:
        edge, page = read[unread[-1] + 1], unread[-1]
    return page if all(moment(entry) >= since for entry in edge) else None


def entries_since(read: Pages, since: datetime) -> list[UploadEntry]:
    """The entries scheduled at `since` or later, in no promised order."""
    return [entry for page in sorted(read) for entry in read[page] if entry.schedule_at >= since]


def _schedule_at(entry: UploadEntry) -> datetime:
    return entry.schedule_at


def _last_update(entry: UploadEntry) -> datetime:
    return entry.last_update


def _moments(read: Pages, moment: Callable[[UploadEntry], datetime]) -> Iterable[datetime]:
    return (moment(entry) for page in sorted(read) for entry in read[page])


def _is_sorted(read: Pages, moment: Callable[[UploadEntry], datetime]) -> bool:
    falls = [later < earlier for earlier, later in pairwise(_moments(read, moment))]
    rises = [later > earlier for earlier, later in pairwise(_moments(read, moment))]
    return not (any(falls) and any(rises))


def _newest_first(read: Pages, moment: Callable[[UploadEntry], datetime]) -> bool:
    moments = list(_moments(read, moment))
    return not moments or moments[0] >= moments[-1]
