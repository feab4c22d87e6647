"""Strict JSON: what RFC 8259 allows, and no more than the decoder can take safely."""

import json
import math

import orjson

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BadJson(ValueError):
    """The text is not JSON that can be used. `problem` says why, and quotes nothing of the text."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def parse_json(text: bytes | str) -> object:
    r"""The value that `text` holds.

    A UTF-8 byte order mark is skipped. Of a repeated key the last value wins. Lone surrogates (`"\ud800"`) and
    whole numbers of any size are taken. Raises `BadJson` for anything that is not JSON: NaN, infinities (also
    those that come of a number too large for a double), nesting too deep, bytes that are not UTF-8.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson refuses a few things that are JSON. They are rare, so only they pay for the slow reader.
        return _parse_slowly(text)


def _parse_slowly(text: bytes | str) -> object:
    try:
        if isinstance(text, bytes):
            # Decoded here: given bytes, json guesses UTF-16 and UTF-32 as well.
            text = text.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
        return json.loads(
            text.removeprefix("\ufeff"), parse_constant=_refuse_constant, parse_float=_finite
        )
    except BadJson:
        raise
    except UnicodeDecodeError:
        raise BadJson("not UTF-8") from None
    except json.JSONDecodeError as error:
        problem = f"not JSON at character {error.pos}"
        raise BadJson(problem) from None
    except RecursionError:
        raise BadJson("nested too deeply") from None
    except ValueError:
        # CPython refuses to turn more than a few thousand digits into an int.
        raise BadJson("a number has too many digits") from None


def _refuse_constant(name: str) -> object:
    problem = f"{name} is not a number in JSON"
    raise BadJson(problem)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadJson("a number is too large")
    return number
