"""Read from the words of `retinaface validate` which tests run, and whose output is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What names an engine, a model or data: then everything runs. Accepting a baseline wants all too.
_NAMES_TARGET = ("engine", "model", "engine_file", "weights", "widerface", "subset")
_ENV_PREFIX = "RETINAFACE_"
_NAMES_ALL = (*_NAMES_TARGET, "accept_baseline")
_VARIABLES = (*_NAMES_TARGET, "assets")
# Options of pytest that select tests; `-k` and `-m` are options of the command itself.
_SELECTS = ("--deselect", "--ignore", "--lf", "--last-failed", "--sw", "--stepwise")
_IGNORE_PATTERN = "--ignore-glob"
_TAKE_PATHS = ("--ignore", _IGNORE_PATTERN)
# Options of pytest that ask for its own output; each may go on: -vv, --durations=5.
_OWN_OUTPUT: tuple[str, ...] = (
    "-v",
    "-s",
    "-r",
    "-V",
    "-h",
    "--verbos",
    "--capture=",
    "--pdb",
    "--trace",
    "--tb",
)
_OWN_OUTPUT += ("--durations", "--setup-", "--co", "--help", "--version", "--fixtures", "--markers")
# Flags of pytest; the word after any other option is its value, not a path to tests.
_FLAGS: tuple[str, ...] = (
    "-x",
    "-q",
    "-v",
    "-vv",
    "-s",
    "-l",
    "--exitfirst",
    "--quiet",
    "--verbose",
    "--co",
)
_FLAGS += ("--collect-only", "--lf", "--last-failed", "--ff", "--sw", "--stepwise", "--pdb")


def is_quick(
    options: Mapping[str, Any], words: Sequence[str], environ: Mapping[str, str], root: Path
) -> bool:
    """Tell whether the quick selection runs: no engine, no model, no data and no test is named.

    Args:
        options: Of the command, `markers` and `keywords` among them.
        words: What goes on to pytest.
        environ: Variables, which name what options name.
        root: Where the tests lie.
    """
    named = any(options[name] for name in (*_NAMES_ALL, "markers", "keywords"))
    named = named or any(environ.get(_ENV_PREFIX + name.upper()) for name in _VARIABLES)
    return not (named or paths(words, root) or any(word.startswith(_SELECTS) for word in words))


def paths(words: Sequence[str], root: Path) -> list[str]:
    """Files, folders and ids of tests among the words that go on to pytest."""
    return [word for word, is_path in _told_apart(words, root) if is_path]


def below_root(words: Sequence[str], root: Path) -> list[str]:
    """Give the words with whole paths to tests, for a pytest that runs in another folder.

    What `--ignore` names is a path too; `--deselect` takes ids, which begin at the root anyway.
    """
    whole = []
    before = ("", *words)
    for previous, (word, is_path) in zip(before, _told_apart(words, root), strict=False):
        option, equals, value = word.partition("=")
        if is_path:
            whole.append(f"{root / word}")
        elif previous in _TAKE_PATHS:
            whole.append(_ignored(previous, word, root))
        elif equals and option in _TAKE_PATHS:
            whole.append(f"{option}={_ignored(option, value, root)}")
        else:
            whole.append(word)
    return whole


def _ignored(option: str, value: str, root: Path) -> str:
    """Give a whole path or pattern; a path that is not among the suites stays the caller's."""
    is_ours = option == _IGNORE_PATTERN or (root / value).exists()
    return f"{root / value}" if is_ours else value


def _told_apart(words: Sequence[str], root: Path) -> list[tuple[str, bool]]:
    """Tell for each word whether it is a path to tests, and no value of an option."""
    before = ("", *words)
    return [
        (
            word,
            (not previous.startswith("-") or previous in _FLAGS or "=" in previous)
            and not word.startswith("-")
            and (root / word.partition("::")[0]).exists(),
        )
        for previous, word in zip(before, words, strict=False)
    ]


def wants_own_output(words: Sequence[str]) -> bool:
    """Tell whether the words ask for what pytest itself writes, as -v and --durations do."""
    return any(word.startswith(_OWN_OUTPUT) for word in words)
