"""Tell paths and URLs apart, and show no secret of a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SECRETS = (
    (re.compile(r"(://[^/@\s:]*):[^/@\s]*@"), r"\1:...@"),  # a password
    (re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]*"), r"\1?..."),  # a query, where tokens are
)


def is_url(text: object) -> bool:
    """Tell whether a location is written as a URL, `scheme://...`."""
    return isinstance(text, (str, Url)) and "://" in str(text)


def without_secrets(text: str) -> str:
    """Hide passwords and queries of all URLs in a text."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


@dataclass(frozen=True, repr=False)
class Url:
    """A folder or file in a storage; as text it shows no secret.

    Attributes:
        address: The whole URL, secrets included.
    """

    address: str

    def __str__(self) -> str:
        return without_secrets(self.address)

    __repr__ = __str__

    @property
    def parts(self) -> list[str]:
        """Give the names between slashes, from the host or bucket on."""
        path = self.address.partition("://")[2].partition("?")[0]
        return [part for part in path.split("/") if part]


Location = Path | Url


def location(text: str | Location) -> Location:
    """Read a path or a URL."""
    if isinstance(text, Url):
        return text
    return Url(str(text)) if is_url(text) else Path(text)
