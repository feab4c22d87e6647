"""Invented people: what an event says of them, and what LiveIntent must end up knowing of them."""

import hashlib
import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType

EMAIL_HASH = "EMAIL_HASH"
AAID = "AAID"
IDFA = "IDFA"
ALL_HASHES = ("md5", "sha1", "sha256")

_GIVEN_NAMES = (
    "Ana", "Ben", "Chloé", "Dario", "Eli", "Fatima", "Gus", "Hana", "Ivy", "Jon", "Kim", "Lena", "Mia", "Noor",
    "Otto", "Pia", "Quin", "Rosa", "Sami", "Tia", "Uma", "Vik", "Wren", "Xin", "Yara", "Zoë",
)  # fmt: skip
_FAMILY_NAMES = (
    "Ames", "Bell", "Chen", "Diaz", "Eriksen", "Fofana", "Gray", "Haddad", "Ito", "Jansen", "Kovac", "Lopez",
    "Meyer", "Novak", "Okoro", "Park", "Quist", "Roth", "Sato", "Tran", "Usman", "Vega", "Weber", "Young",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Device:
    """A phone as `context.device` tells of it."""

    platform: str
    advertising_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach a person, sent in events of its own.

    `members` is what must stand at LiveIntent once this contact is in an audience: identifier type to rows.
    """

    user_id: str
    email_as_sent: str | None = field(repr=False)
    device: Device | None = field(repr=False)
    members: Mapping[str, frozenset[str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with one contact, or with two: Segment sends each value of an identifier separately."""

    user_id: str
    contacts: tuple[Contact, ...]


def invent_people(
    randomness: Random, count: int, *, email_hashes: Sequence[str] = ALL_HASHES
) -> list[Person]:
    """People under example.com, each with identifiers nobody else has.

    Among them: addresses that need normalising, hashes in place of addresses, phones with and without an
    address, and people with two addresses.
    """
    return [_invent_person(randomness, number, email_hashes) for number in range(count)]


def rows_of_email(email: str, email_hashes: Sequence[str] = ALL_HASHES) -> frozenset[str]:
    """The rows LiveIntent gets for an address in its normal form."""
    return frozenset(_HASHES[name](email.encode()).hexdigest() for name in email_hashes)


def _md5(value: bytes) -> "hashlib._Hash":
    return hashlib.md5(value, usedforsecurity=False)


def _sha1(value: bytes) -> "hashlib._Hash":
    return hashlib.sha1(value, usedforsecurity=False)


_HASHES: Mapping[str, Callable[[bytes], "hashlib._Hash"]] = MappingProxyType(
    {"md5": _md5, "sha1": _sha1, "sha256": hashlib.sha256}
)


def _invent_person(randomness: Random, number: int, email_hashes: Sequence[str]) -> Person:
    user_id = f"u_{10_000 + number}"
    given, family = randomness.choice(_GIVEN_NAMES), randomness.choice(_FAMILY_NAMES)
    name = f"{given}.{family}.{number}"
    # The normal form is written out here, not computed by the program's own rule.
    plain = f"{name.lower()}@example.com"
    luck = randomness.random()
    contacts: tuple[Contact, ...]
    if luck < 0.60:
        contacts = (_by_email(user_id, plain, plain, email_hashes),)
    elif luck < 0.72:
        written = randomness.choice(_UNTIDY)(name)
        contacts = (_by_email(user_id, written, plain, email_hashes),)
    elif luck < 0.80:
        contacts = (_by_hash(user_id, plain, randomness),)
    elif luck < 0.86:
        work = f"{name.lower()}+work@mail.example.com"
        contacts = (
            _by_email(user_id, plain, plain, email_hashes),
            _by_email(user_id, work, work, email_hashes),
        )
    elif luck < 0.94:
        contacts = (_by_device(user_id, randomness),)
    else:
        by_device = _by_device(user_id, randomness)
        by_email = _by_email(user_id, plain, plain, email_hashes)
        members = {**by_email.members, **by_device.members}
        contacts = (Contact(user_id, plain, by_device.device, members),)
    return Person(user_id, contacts)


_UNTIDY: tuple[Callable[[str], str], ...] = (
    lambda name: f"  {name}@Example.com ",
    lambda name: f"{name.upper()}@EXAMPLE.COM",
    lambda name: f"<{name.lower()}@example.com>",
    lambda name: f"\u200b{name}@example.com\u00a0",
    lambda name: unicodedata.normalize("NFD", f"{name}@example.com"),
)


def _by_email(user_id: str, written: str, plain: str, email_hashes: Sequence[str]) -> Contact:
    return Contact(user_id, written, None, {EMAIL_HASH: rows_of_email(plain, email_hashes)})


def _by_hash(user_id: str, plain: str, randomness: Random) -> Contact:
    row = _HASHES[randomness.choice(ALL_HASHES)](plain.encode()).hexdigest()
    written = row.upper() if randomness.random() < 0.5 else row
    return Contact(user_id, written, None, {EMAIL_HASH: frozenset({row})})


def _by_device(user_id: str, randomness: Random) -> Contact:
    number = str(uuid.UUID(int=randomness.getrandbits(128), version=4))
    written = number.upper() if randomness.random() < 0.5 else number
    if randomness.random() < 0.5:
        members = {IDFA: frozenset({number.upper()})}
        return Contact(user_id, None, Device("ios", written), members)
    return Contact(user_id, None, Device("Android", written), {AAID: frozenset({number})})
