"""The command `retinaface validate`, which runs the suites in a supervised child process."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from retinaface.cli.options import MAX_BATCH, PATH, F, path_type
from retinaface.cli.output.options import output_options, start_output
from retinaface.cli.supervision.selection import (
    below_root,
    check_no_name_alone,
    is_quick,
    paths,
    with_verbosity,
)
from retinaface.cli.usage.commands import Command, settings_of
from retinaface.cli.usage.types import EngineName
from retinaface.errors import nearest
from retinaface.storage.location import Location, Url
from retinaface.suite.options import OPTION, OPTIONS
from retinaface.suite.place import SUITES, Place, find_place
from retinaface.suite.settings.given import NO_FILE

# Names the folder where Hypothesis keeps failing examples; the default is the working directory.
_EXAMPLES = "HYPOTHESIS_STORAGE_DIRECTORY"
# What a soak takes beside the soak itself: opening the engine, warming up, exact outputs.
_AROUND_SOAK_S = 120
# Similarity from which an unknown option is one of the command, misspelled: `--pipline` has 0.95.
# An option of pytest has 0.76 at most, but for another spelling of --junitxml.
_TYPO = 0.85
# Modules of the extra `validate`.
_EXTRA = ("pytest", "pytest_benchmark", "hypothesis", "threadpoolctl")


def _run_options(command: F) -> F:
    """Add the options of a run, which pytest has too."""
    for one in reversed(OPTIONS):
        kinds = {
            "choice": click.Choice(one.choices),
            "count": click.IntRange(1, MAX_BATCH),
            "number": click.FloatRange(min=1),
            "path": path_type(one.words, takes_url=one.takes_url),
            "text": EngineName() if one.name == "engine" else None,
        }
        command = click.option(
            f"--{one.name}",
            type=kinds.get(one.kind),
            metavar=None if one.kind == "choice" else one.metavar,
            multiple=one.separator is not None,
            # False would make the value of an option optional.
            is_flag=True if one.kind == "flag" else None,
            help=one.help,
        )(command)
    return command


@click.command(
    cls=Command,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
)
@_run_options
@click.option("--junitxml", type=PATH, metavar="FILE", help="Write JUnit XML, for a CI server.")
@click.option(
    "--quick/--full",
    "quick",
    default=None,
    help="Run the quick selection, or every test.  [default: quick if no option names an engine, "
    "a model, data or tests]",
)
@click.option(
    "-m", "markers", metavar="EXPR", help='Tests by mark, as in "not accuracy and not speed".'
)
@click.option("-k", "keywords", metavar="EXPR", help="Tests by name, as for pytest.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long one test may take (start-up: at least 120 s); after that the run ends as FAIL.",
)
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED)
@output_options
def validate(
    quick: bool | None,
    markers: str | None,
    keywords: str | None,
    timeout: float,
    pytest_args: tuple[str, ...],
    json_file: Path | None,
    quiet: bool,
    verbose: int,
    **options: Any,
) -> None:
    """Validate engines: fidelity, FP16 parity, NMS, AP, speed.

    \b
    retinaface validate                  the quick selection: AP, fidelity, parity, contract, speed
    retinaface validate --full           every test
    retinaface validate --engine ort-cpu-fp32 --engine ort-cpu-fp16 --widerface DIR --record RUN
    retinaface validate --engine ort-cpu-fp32 -m "not accuracy and not speed"
    retinaface validate --engine mypackage.engines:open_mine --pipeline igie

    The command runs `pytest tests/validation` in a process of its own. If an engine crashes or
    hangs, the run is a FAIL and its record names the test. The suites come from the checkout, or
    from the installed package. Further options go to pytest; -v shows pytest's own output, -q only
    how the run ends.

    Exit codes: 0 PASS, 1 FAIL, 2 bad usage, 10 INCONCLUSIVE.
    """
    from retinaface.assets import ASSETS_VARIABLE
    from retinaface.cli.supervision.answer import folder_of, run_and_answer
    from retinaface.suite.run.folder import end_record_dir

    start_output(json_file, is_quiet=quiet)
    place = find_place(Path.cwd())
    pytest_args = with_verbosity(pytest_args, verbose, is_quiet=quiet)
    _check_usage(pytest_args, options["soak"], timeout)
    if quick is None:
        assets = os.environ.get(ASSETS_VARIABLE)
        asked = {**options, "markers": markers, "keywords": keywords, "assets": assets}
        quick = is_quick(asked, pytest_args, place.root)
    record: Location | None = options["record"]
    _check_files(options["junitxml"], record, resumes=bool(options["resume"]))
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(folder_of(record))
        command = _command(place, pytest_args)
        command += _arguments({**options, "record": folder}, markers, keywords)
        command.append(_fate(record))
        command += ["--quick"] if quick else []
        command += below_root(pytest_args, place.root) if place.is_shipped else pytest_args
        # Pytest's files belong into the caller's folder, not into the installed package.
        cwd = Path.cwd() if place.is_shipped else place.root
        code = run_and_answer(
            command, pytest_args, cwd, folder, timeout, kept=record, json_file=json_file
        )
    if isinstance(record, Path):
        end_record_dir(record)
    click.get_current_context().exit(code)


def _fate(record: Location | None) -> str:
    """Tell the child what becomes of its record."""
    if record is None:
        return "--record-is-temporary"
    return f"--record-goes-to={record}" if isinstance(record, Url) else "--unfinished-stays"


def _config() -> Path | str:
    """Name the configuration that was read, for the child, which may run in another folder."""
    file = settings_of(click.get_current_context()).file
    return NO_FILE if file is None else file.absolute()


def _check_files(junitxml: Path | None, record: Location | None, *, resumes: bool) -> None:
    from retinaface.cli.supervision.answer import check_record
    from retinaface.files import check_output_file

    if junitxml is not None:
        check_output_file(junitxml)
    check_record(record, resumes=resumes)


def _check_soak(soak: float | None, timeout: float) -> None:
    """Refuse a soak that the time limit of a test would end."""
    if soak is not None and soak > timeout - _AROUND_SOAK_S:
        raise click.UsageError(
            f"--soak {soak:g} takes longer than --timeout {timeout:g} allows one test; add "
            f"--timeout {soak + _AROUND_SOAK_S:g}, or soak for less"
        )


def _check_usage(words: tuple[str, ...], soak: float | None, timeout: float) -> None:
    """Refuse what pytest would misread or not know, and a soak that could not end."""
    check_no_name_alone(words)
    _check_no_typo(words)
    _check_soak(soak, timeout)


def _check_no_typo(words: tuple[str, ...]) -> None:
    """Refuse an option that is nearly one of this command; all others are pytest's."""
    known = {
        name: option
        for option in click.get_current_context().command.params
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    }
    for word in words:
        name = word.partition("=")[0]
        near = nearest(name, known, similar=_TYPO) if name.startswith("--") else None
        if near is not None and near != name:
            raise click.UsageError(f"No such option {name}; did you mean {near}?")


def _command(place: Place, words: tuple[str, ...]) -> list[str]:
    """Make the command that runs pytest on the suites, or on the tests that `words` names."""
    if missing := [name for name in _EXTRA if find_spec(name) is None]:
        raise click.UsageError(
            f"validate runs pytest, but {', '.join(missing)} is not installed here; install the "
            "extra 'validate': pip install \"retinaface[validate]\""
        )
    command = [sys.executable, "-m", "pytest"]
    if place.is_shipped:
        from retinaface.assets import cache_dir

        cache = cache_dir().resolve()
        command += place.pytest_words(cache)
        os.environ.setdefault(_EXAMPLES, str(cache / "hypothesis"))
    if paths(words, place.root):
        return command
    return [*command, str(place.root / SUITES) if place.is_shipped else SUITES]


def _arguments(options: dict[str, Any], markers: str | None, keywords: str | None) -> list[str]:
    arguments = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(option)
        elif isinstance(value, tuple):
            arguments += [f"{option}={_absolute(name, item)}" for item in value]
        elif value not in (None, False):
            arguments.append(f"{option}={_absolute(name, value)}")
    for flag, expression in (("-m", markers), ("-k", keywords)):
        if expression is not None:
            arguments += [flag, expression]
    return [*arguments, f"--config={_config()}"]


def _absolute(name: str, value: Any) -> str:
    """Make a path absolute, because the child runs in the checkout."""
    if isinstance(value, Url):
        return value.address
    one = OPTION.get(name)  # --junitxml is pytest's own
    is_path = one is None or (one.kind == "path" and str(value) not in one.words)
    return str(Path(value).resolve()) if is_path else str(value)
