"""The address of a page without the emails that sites put into addresses."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from consumer.direct_calls.masking import looks_like_email

_LONGEST = 2_000
_MOST_NAMED = 20
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class PageAddress:
    """A page's address, and what was taken out of it, which LiveIntent's collector is told as well."""

    url: str
    path_removed: bool = False
    removed_parameters: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"PageAddress({len(self.url)} characters)"


def page_address(url: str) -> PageAddress | None:
    """Return the address with nothing in it that looks like an email; None when it is no web address, or none is left.

    What is cut out is a query parameter, the path, or the fragment, whichever holds it. An address over 2,000 characters
    loses fragment and query, and then its path.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return None
    parameters = parts.query.split("&") if parts.query else []
    removed = [each for each in parameters if looks_like_email(each)]
    path_removed = looks_like_email(parts.path)
    address = parts._replace(
        path="/" if path_removed else parts.path,
        query="&".join(each for each in parameters if each not in removed),
        fragment="" if looks_like_email(parts.fragment) else parts.fragment,
    )
    if len(address.geturl()) > _LONGEST:
        address = address._replace(query="", fragment="")
    if len(address.geturl()) > _LONGEST:
        address, path_removed = address._replace(path="/"), True
    shown = address.geturl()
    # Its host may look like one, and so may what is left of the parts together.
    if len(shown) > _LONGEST or looks_like_email(shown):
        return None
    return PageAddress(shown, path_removed, _names(removed))


def _names(parameters: list[str]) -> tuple[str, ...]:
    names = dict.fromkeys(each.partition("=")[0] for each in parameters)
    fit = (name for name in names if name and len(name) <= _LONGEST_NAME and "," not in name)
    return tuple(name for name in fit if not looks_like_email(name))[:_MOST_NAMED]
