"""Raw emails, wherever they hide: what looks like one is masked before it leaves.

The rule is that of LiveIntent's browser library, and wider: it also looks through percent-encoding, however often it was
applied, and through full-width characters.
"""

import unicodedata
from urllib.parse import unquote

MASK = "*********"
"""What LiveIntent's library writes in place of an email (source: LiveConnect)."""

_MOST_DECODINGS = 8
# What JavaScript's \s matches. Python's own list is longer, and every further break would let something through.
_SPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_BREAKS = str.maketrans(dict.fromkeys(_SPACE, " "))


def masked(text: str) -> str:
    """Return the text, or the mask when an email may be anywhere in it: the whole text, as the library does."""
    return MASK if looks_like_email(text) else text


def looks_like_email(text: str) -> bool:
    r"""Tell whether an email may be in the text: something, `@` or `%40`, something, a full stop, something.

    As the library's `\S+(@|%40)\S+\.\S+`, but in time that grows with the text's length alone. Text that is still
    percent-encoded after many decodings counts as one: nobody encodes that often but to hide something.
    """
    for _ in range(_MOST_DECODINGS):
        plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
        if "@" in plain and any(map(_is_like_email, plain.translate(_BREAKS).split(" "))):
            return True
        if "%" not in plain:
            return False
        decoded = unquote(plain, errors="replace")
        if decoded == plain:
            return False
        text = decoded
    return True


def _is_like_email(word: str) -> bool:
    # The first place that can be one leaves the most for what must follow: if it does not fit, none does.
    at = word.find("@", 1)
    stop = word.find(".", at + 2)
    return at > 0 and 0 < stop < len(word) - 1
