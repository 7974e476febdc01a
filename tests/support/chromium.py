"""Find a browser without a window, start it, and check that it works."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# The sandbox needs rights that containers lack; the rest keeps it from calling home.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str | None:
    """Find the browser of this machine; none is downloaded."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start it, and end it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(_ARGUMENTS))
        with contextlib.closing(browser):
            yield browser


def missing_chromium() -> str | None:
    """Say why a page cannot be opened; None if one was opened."""
    try:
        from playwright.sync_api import Error
    except ImportError as error:
        return f"importing playwright failed ({error}); install the extra 'dev'"
    if chromium_path() is None:
        return f"none of {', '.join(_NAMES)} is on PATH; install Debian's package chromium"
    try:
        with open_chromium() as browser:
            browser.new_page().goto("about:blank")
    except Error as error:
        return f"{chromium_path()} did not start: {str(error).strip().splitlines()[0]}"
    return None
