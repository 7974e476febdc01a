"""What a reader of a format raises; who knows the file makes it an error of its own."""

from __future__ import annotations


class FormatError(ValueError):
    """Content is not what its format says, or beyond a limit; the message lacks the file's name."""
