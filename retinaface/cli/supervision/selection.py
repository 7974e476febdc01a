"""Decide from the arguments of `retinaface validate` which tests run and which output to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

# Options that name an engine, a model or data; with one of them, or when a baseline is accepted,
# every test runs.
_NAMES_ALL = (
    *("engine", "model", "engine_file", "weights", "widerface", "ground_truth", "subset"),
    *("accept_baseline", "markers", "keywords", "assets"),
)
# Options of pytest that select tests; `-k` and `-m` are options of the command itself.
_SELECTS = ("--deselect", "--ignore", "--lf", "--last-failed", "--sw", "--stepwise")
_IGNORE_PATTERN = "--ignore-glob"
_TAKE_PATHS = ("--ignore", _IGNORE_PATTERN)
# Beginnings of pytest's options that ask for its own output, such as -vv and --durations=5.
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
# Flags of pytest; after any other option comes its value, not a path to tests.
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


def is_quick(options: Mapping[str, Any], words: Sequence[str], root: Path) -> bool:
    """Tell whether the quick selection runs: nothing names an engine, a model, data or tests.

    Args:
        options: Options of the command, typed or set, with `markers` and `keywords`; `assets` is
            the folder that a variable names, which is data.
        words: Arguments that go to pytest.
        root: The folder that paths to tests start from.
    """
    named = any(options[name] for name in _NAMES_ALL)
    return not (named or paths(words, root) or any(word.startswith(_SELECTS) for word in words))


def paths(words: Sequence[str], root: Path) -> list[str]:
    """List files, folders and ids of tests among the arguments that go to pytest."""
    return [word for word, is_path in _mark_paths(words, root) if is_path]


def below_root(words: Sequence[str], root: Path) -> list[str]:
    """Make the paths to tests absolute, for a pytest that runs in another folder.

    What `--ignore` names is a path too; `--deselect` takes ids, which begin at the root anyway.
    """
    whole = []
    before = ("", *words)
    for previous, (word, is_path) in zip(before, _mark_paths(words, root), strict=False):
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


def _mark_paths(words: Sequence[str], root: Path) -> list[tuple[str, bool]]:
    """Pair each argument with whether it is a path to tests, and not an option's value."""
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
    """Tell whether an argument asks for pytest's own output, as -v and --durations do."""
    return any(word.startswith(_OWN_OUTPUT) for word in words)


def with_verbosity(words: tuple[str, ...], verbose: int, *, is_quiet: bool) -> tuple[str, ...]:
    """Hand `-v` on to pytest; `-q` only where pytest's own output is asked for."""
    words += (f"-{'v' * verbose}",) if verbose else ()
    return (*words, "-q") if is_quiet and wants_own_output(words) else words


def check_no_name_alone(words: tuple[str, ...]) -> None:
    """Refuse `--engine A B`, where pytest would take B for a file."""
    from retinaface.detection.pipelines import PIPELINES
    from retinaface.engines.catalogue import engine_names

    options = dict.fromkeys(engine_names(), "--engine") | dict.fromkeys(PIPELINES, "--pipeline")
    for before, word in zip(("", *words), words, strict=False):
        if word in options and not before.startswith("-"):
            option = options[word]
            raise click.UsageError(
                f"cannot place {word}: pytest would take it for a file; each name needs its own "
                f"option: {option} {word}"
            )
