"""From what an event says of a person to the identifiers LiveIntent takes.

The only module that sees a raw email. It hands out hashes, and says nothing else about what it read.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Literal

from consumer.audience.membership import Identifier, IdentifierType
from consumer.choices import EmailHash

DeviceIdType = Literal[IdentifierType.AAID, IdentifierType.IDFA]

_HASHED: Mapping[EmailHash, Callable[[bytes], str]] = MappingProxyType(
    {
        # Not for security: LiveIntent matches people by these. Saying so keeps MD5 working under FIPS.
        EmailHash.MD5: lambda email: hashlib.md5(email, usedforsecurity=False).hexdigest(),
        EmailHash.SHA1: lambda email: hashlib.sha1(email, usedforsecurity=False).hexdigest(),
        EmailHash.SHA256: lambda email: hashlib.sha256(email).hexdigest(),
    }
)
_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
_OF_NOTHING = frozenset(hashed(b"") for hashed in _HASHED.values())
_DEVICE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LIMITED_TRACKING = (
    "00000000-0000-0000-0000-000000000000"  # what a phone hands out for "do not track"
)


def _characters(*spans: tuple[int, int]) -> str:
    return "".join(chr(code) for first, last in spans for code in range(first, last + 1))


_SPACE = _characters(
    (0x00, 0x20),  # control characters, and space itself
    (0x7F, 0xA0),  # more of them, and the no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200F),  # spaces by width, zero-width ones, marks of writing direction
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),  # the byte order mark, also a zero-width space
)
_STRAY = _SPACE + "<>\"'`" + "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a"
# RFC 5322's specials stand unquoted in no address: with one inside, this is a list, a link or a name with an address.
_NEVER = re.escape(' ()<>[]:;,\\"@')
_ADDRESS = re.compile(rf"[^{_NEVER}]+@[^{_NEVER}.]+(?:\.[^{_NEVER}.]+)+")


def normalise_email(text: str) -> str | None:
    """Return the address as LiveIntent hashes it, or None when it is not one.

    NFC, then without surrounding space (zero-width included), angle brackets and quotes, then lower-case. Dots and plus
    tags stay, and so does the domain as it is written (source: LiveIntent asks for no more than trimming and lower case).
    Any text is allowed, lone surrogates too.
    """
    email = _tidied(text)
    return email if _is_address(email) else None


def email_identifier(text: str, algorithms: Collection[EmailHash]) -> Identifier | None:
    """Return what to send for an email, or None when the text is neither an address nor a hash of one.

    An address becomes its hashes by `algorithms`, always in the order of `EmailHash`. A hash that LiveIntent knows by its
    length is taken as it is, in lower case, whatever `algorithms` says: one hash cannot be made from another.
    """
    given = _tidied(text)
    if "@" not in given:
        is_hash = _HASH.fullmatch(given) and given not in _OF_NOTHING
        return Identifier(IdentifierType.EMAIL_HASH, (given,)) if is_hash else None
    if not _is_address(given):
        return None
    email = given.encode()
    values = tuple([hashed(email) for name, hashed in _HASHED.items() if name in algorithms])
    return Identifier(IdentifierType.EMAIL_HASH, values) if values else None


def is_another_address(text: str, than: str) -> bool:
    """Whether both are addresses, or hashes of one, and certainly not of the same.

    Two hashes of different kinds may be of one address, so they are not. An address is compared with a hash by its own
    hash of that kind.
    """
    one, other = _hashes(text), _hashes(than)
    return any(one[length] != other[length] for length in one.keys() & other.keys())


def device_identifier(
    type: DeviceIdType,  # noqa: A002 - Identifier's word for it
    value: str,
) -> Identifier | None:
    """Return the advertising id as its platform writes it (AAID lower, IDFA upper case), or None.

    None for what is not 8-4-4-4-12 hex digits with dashes, and for all zeros, which a phone hands out instead of an id when
    its owner does not want to be tracked.
    """
    given = _tidied(value)
    if not _DEVICE_ID.fullmatch(given) or given == _LIMITED_TRACKING:
        return None
    return Identifier(type, (given.upper() if type is IdentifierType.IDFA else given,))


def _hashes(text: str) -> Mapping[int, str]:
    """Every hash that is known of what the text names, by its length."""
    identifier = email_identifier(text, frozenset(EmailHash))
    return {} if identifier is None else {len(value): value for value in identifier.values}


def _tidied(text: str) -> str:
    normal = text if text.isascii() else unicodedata.normalize("NFC", text)
    return normal.strip(_STRAY).lower()


def _is_address(email: str) -> bool:
    # isprintable() is false for every kind of inner space but U+0020, for control characters and for lone surrogates.
    return email.isprintable() and _ADDRESS.fullmatch(email) is not None
