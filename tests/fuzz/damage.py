"""Damage to sound bytes, as networks, disks and people do it."""

from random import Random

_TOKENS = (
    b"\x00", b"\x01", b"\x03", b"\x7f", b"\x80" * 9, b"\xff" * 10, b"\xfe\xff\xff\xff\x0f", b"\xc3\x01", b"Obj\x01", b"null", b"NaN",
    b"1e999", b'"\\ud800"', b"\xef\xbb\xbf", b'{"', b"[" * 200, b"9" * 400, b"\xed\xa0\x80",
)  # fmt: skip
_LONGEST = 60_000


def damaged(data: bytes, random: Random) -> bytes:
    """The same bytes after one to three accidents."""
    for _ in range(random.randint(1, 3)):
        data = _once(data, random)
    return data[:_LONGEST]


def _once(data: bytes, random: Random) -> bytes:  # noqa: PLR0911 - one for each accident
    where = random.randint(0, len(data))
    until = min(len(data), where + random.randint(1, 8))
    match random.randrange(8):
        case 0 if data:
            place = where % len(data)
            return (
                data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]
            )
        case 1:
            return data[:where]
        case 2:
            return data[:where] + random.choice(_TOKENS) + data[where:]
        case 3:
            return data[:where] + random.choice(_TOKENS) + data[until:]
        case 4:
            return data[:where] + data[until:]
        case 5:
            return data[:where] + data[where:until] * random.randint(2, 300) + data[until:]
        case 6:
            return data[:where] + random.randbytes(random.randint(1, 12)) + data[until:]
        case _:
            return data + data[where:until]
