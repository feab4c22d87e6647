"""Segment's timestamps, in whatever form a hop on the way left them, as epoch microseconds."""

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000

# A number is read as milliseconds when that puts it in these years. Seconds, microseconds and nanoseconds since
# the epoch all fall outside, so no unit is ever mistaken for another.
_FIRST_PLAUSIBLE_MS = 946_684_800_000  # 2000-01-01
_LAST_PLAUSIBLE_MS = 4_102_444_800_000  # 2100-01-01

_ISO_BASIC_DATE_DIGITS = 8  # 20260114
_MOST_DIGITS = 20  # enough to be implausible; int() refuses thousands


class UnreadableTime(ValueError):
    """The value is not a time that can be read. `found` tells its type, never its content."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


def epoch_microseconds(value: object) -> int | None:
    """The time `value` tells, or None when it is None.

    Takes ISO 8601 text (any fraction, with finer than microseconds cut off; any offset; without one it is UTC),
    a `datetime` (without a zone it is UTC), and epoch milliseconds from 2000 to 2100, also written as digits.
    Raises `UnreadableTime` for anything else.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_milliseconds(value)
    found = f"a value of type {type(value).__name__}"
    raise UnreadableTime(found)


def _from_text(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) != _ISO_BASIC_DATE_DIGITS:
        # Asked first: ISO's basic form would see a day of the year 1700 in 1700120100000.
        return _from_milliseconds(int(text[:_MOST_DIGITS]))
    try:
        return _from_datetime(datetime.fromisoformat(text))
    except ValueError:
        return _from_loose_text(text)


def _from_loose_text(text: str) -> int:
    """ISO 8601 as some warehouses write it: lower-case t and z, UTC spelled out, blanks around."""
    upper = text.strip().upper()
    if upper.endswith(" UTC"):
        upper = upper.removesuffix(" UTC") + "Z"
    try:
        return _from_datetime(datetime.fromisoformat(upper))
    except ValueError:
        raise UnreadableTime("text that is not a time") from None


def _from_datetime(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return since.days * _DAY_US + since.seconds * _SECOND_US + since.microseconds


def _from_milliseconds(number: float) -> int:
    if _FIRST_PLAUSIBLE_MS <= number < _LAST_PLAUSIBLE_MS:
        return round(number * 1000)
    raise UnreadableTime("a number that is not a plausible count of milliseconds since 1970")
