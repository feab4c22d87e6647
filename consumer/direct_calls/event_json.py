"""JSON byte for byte as a browser writes it, for what LiveIntent's browser library would have written."""

import json
import math
import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_quoted = json.JSONEncoder(ensure_ascii=False).encode
_LEAST_PLAIN = 1e-6
_LEAST_WITH_EXPONENT = 1e21


def event_json(value: object) -> str:
    """Return what JavaScript's `JSON.stringify` makes of the value (source: ECMAScript, Number::toString and JSON).

    Takes dicts with text keys, lists, tuples, text, numbers, booleans and None, nested as deep as the caller's own code
    nests them. Whole numbers are doubles there, so that those over 2**53 are rounded as a browser rounds them.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case int() | float():
            return _number(value)
        case dict():
            members = (f"{_text(str(key))}:{event_json(each)}" for key, each in value.items())
            return f"{{{','.join(members)}}}"
        case list() | tuple():
            return f"[{','.join(map(event_json, value))}]"
        case _:
            message = f"a value of type {type(value).__name__} has no place in an event"
            raise TypeError(message)


def _text(text: str) -> str:
    if text.isascii():
        return _quoted(text)
    if _SURROGATE.search(text):
        # Two that belong together are one character to a browser, whose text is UTF-16.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", _quoted(text))


def _number(number: float) -> str:
    try:
        double = float(number)
    except OverflowError:
        return "null"
    if not math.isfinite(double):
        return "null"
    size = abs(double)
    if double.is_integer() and size < _LEAST_WITH_EXPONENT:
        return _whole(double)
    digits = repr(double)
    if "e" not in digits:
        return digits
    mantissa, _, exponent = digits.partition("e")
    if _LEAST_PLAIN <= size < 1:
        sign, shown = ("-", mantissa[1:]) if double < 0 else ("", mantissa)
        return f"{sign}0.{'0' * (-int(exponent) - 1)}{shown.replace('.', '')}"
    return f"{mantissa}e{int(exponent):+d}"


def _whole(double: float) -> str:
    # Above 2**53 JavaScript shows the shortest digits that tell the number apart, and zeros after them; so does repr.
    if double == 0:
        return "0"  # also for what is below zero and rounds to nothing
    digits = repr(double)
    if "e" not in digits:
        return digits.removesuffix(".0")
    mantissa, _, exponent = digits.partition("e")
    whole, _, fraction = mantissa.partition(".")
    return whole + fraction.ljust(int(exponent), "0")
