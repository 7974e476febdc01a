"""Run a command as its user does, in this process."""

from __future__ import annotations

# What `retinaface` ends with by itself: PASS, FAIL, bad input, INCONCLUSIVE.
_CODES = (None, 0, 1, 2, 10)


def command(*words: object) -> None:
    """Run `retinaface` with these words; what it raises comes out.

    Raises:
        AssertionError: Its exit code is none of those that the README lists.
    """
    from retinaface.cli import cli

    code = cli.main([str(word) for word in words], prog_name="retinaface", standalone_mode=False)
    assert not isinstance(code, int) or code in _CODES, f"exit code {code}"
