"""What an event says of the person's choices in IAB's words, and whether they forbid to send it.

LiveIntent's library sends nothing when GDPR applies, or section 2 of GPP, whatever the consent string holds (source:
LiveConnect). We send nothing besides when the person has opted out of sale, and when what is said cannot be read.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from consumer.direct_calls.call import PrivacySignals
from consumer.segment.event_map.model import PrivacyPaths
from consumer.segment.mapping.paths import Path, getter

_EUROPE = 2
_US_PRIVACY = re.compile(r"1[YN-]{3}", re.IGNORECASE)
_OPTED_OUT = re.compile(r"1.[Yy].?")
_CONSENT = re.compile(r"[A-Za-z0-9_.~-]{1,1000}")
_GPP = re.compile(r"[A-Za-z0-9_.~-]{1,1500}")
_SECTIONS = re.compile(r"-?\d{1,3}(?:[,_ ]+-?\d{1,3}){0,30}")
_MOST_SECTIONS = 32
_getter = lru_cache(maxsize=256)(getter)  # there are as many paths as the event map names
_DOES_NOT_APPLY = ("", "0", "false", "no")


def privacy_signals(parts: Mapping[str, object], paths: PrivacyPaths) -> PrivacySignals | None:
    """Return what the event says, or None when it must not be sent.

    A consent string that is none, or that is absurdly long, is left out: it is not needed where GDPR does not apply.
    """
    gdpr = _applies(_first(parts, paths.gdpr))
    sections = _sections(_first(parts, paths.gpp_sections))
    us_privacy = _first(parts, paths.us_privacy)
    gpp = _first(parts, paths.gpp)
    if gdpr or sections is None or _EUROPE in sections:
        return None
    if isinstance(us_privacy, str) and _OPTED_OUT.match(us_privacy.strip()):
        return None
    if gpp is not None and not _may_send(gpp):
        return None
    return PrivacySignals(
        us_privacy=_text(us_privacy, _US_PRIVACY),
        gdpr=gdpr,
        gdpr_consent=_text(_first(parts, paths.gdpr_consent), _CONSENT),
        gpp=_text(gpp, _GPP),
        gpp_sections=sections,
    )


def _applies(value: object) -> bool | None:
    """Whether GDPR applies. Whatever is not plainly a no is a yes, as any truthy value is to the library."""
    match value:
        case None:
            return None
        case str():
            return value.strip().lower() not in _DOES_NOT_APPLY
        case _:
            return bool(value)


def _sections(value: object) -> tuple[int, ...] | None:
    """The sections that apply, in whatever way they are listed; None when that cannot be read."""
    match value:
        case None | "":
            return ()
        case str() if _SECTIONS.fullmatch(value.strip()):
            return _sections([int(number) for number in re.split(r"[,_ ]+", value.strip())])
        case bool():
            return None
        case int():
            return _sections([value])
        case list() | tuple() if len(value) <= _MOST_SECTIONS:
            return tuple(value) if all(map(_is_section, value)) else None
        case _:
            return None


def _is_section(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1000


def _may_send(gpp: object) -> bool:
    """Whether a GPP string can be read as far as it matters here: its section in plain text is the US privacy string."""
    if gpp == "":
        return True
    if not isinstance(gpp, str) or not _GPP.fullmatch(gpp):
        return False
    return not any(_OPTED_OUT.fullmatch(section) for section in gpp.split("~")[1:])


def _text(value: object, pattern: re.Pattern[str]) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return text if pattern.fullmatch(text) else None


def _first(parts: Mapping[str, object], paths: Iterable[Path]) -> object:
    return next((value for path in paths if (value := _getter(path)(parts)) is not None), None)
