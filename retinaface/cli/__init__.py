"""The command line; it imports only click before a command runs, so `--help` answers at once."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import signal
import sys
from importlib.util import find_spec
from typing import NoReturn

import click

from retinaface.assets import CACHE_VARIABLE
from retinaface.cli.ab import ab
from retinaface.cli.agree import agree
from retinaface.cli.assets import assets
from retinaface.cli.demo import demo
from retinaface.cli.detect import detect
from retinaface.cli.evaluate import evaluate
from retinaface.cli.export import export
from retinaface.cli.matrix import matrix
from retinaface.cli.one_engine.bench import bench
from retinaface.cli.one_engine.build import build
from retinaface.cli.one_engine.soak import soak
from retinaface.cli.records.compare import compare
from retinaface.cli.records.engines import engines
from retinaface.cli.records.history import history
from retinaface.cli.records.report import report
from retinaface.cli.records.runs import runs
from retinaface.cli.score import score
from retinaface.cli.usage.commands import Group
from retinaface.cli.usage.completion import VARIABLE as COMPLETION
from retinaface.cli.usage.completion import completion
from retinaface.cli.usage.crashes import EXIT_SOFTWARE, crash_line
from retinaface.cli.usage.streams import EXIT_PIPE, broken_stream, drop
from retinaface.cli.validate import validate
from retinaface.errors import RetinaFaceError
from retinaface.files import NO_ROOM
from retinaface.suite.settings.variables import check_environment
from retinaface.telling.visible import one_line, told
from retinaface.temporaries import ending_late
from retinaface.version import __version__

EXIT_USAGE = 2
EXIT_FAIL = 1
# What asks for words alone.
_ANSWERS = {"-h", "--help", "--version"}
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class _Ended(SystemExit):
    """An end that this program chose, by its own message or by a signal."""


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="retinaface")
def cli() -> None:
    """Validate RetinaFace after a change of SDK, driver, exporter, runtime or board.

    \b
    Start here:         retinaface validate
    See it at work:     retinaface demo
    Get the data:       retinaface assets fetch
    Measure an engine:  retinaface evaluate --pipeline igie --engine ort-cpu-fp32
    Score predictions:  retinaface score predictions.zip
    Compare two runs:   retinaface compare RUN-OLD RUN-NEW
    See what changed:   retinaface report RUN-OLD RUN-NEW --output report.html
    See since when:     retinaface history RUNS/
    Which is faster:    retinaface ab --a .venv-old --b .venv-new --model FILE.onnx
    Do two agree:       retinaface agree IMAGES --pipeline igie --engine A --engine-b B

    Options that are not typed may come from a variable, RETINAFACE_ and the name of the option, or
    from retinaface.toml.

    Exit codes: 0 PASS or done, 1 FAIL, 2 bad input or usage, 10 INCONCLUSIVE, 70 a mistake of
    this program (no verdict), 130 interrupted, 141 nobody reads the output.
    """


for command in (
    *(validate, demo, assets, export, build, bench, soak, detect, evaluate, score),
    *(compare, report, runs, history, engines, ab, agree, matrix, completion),
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    try:
        run_command(cli, "retinaface", arguments)
    except SystemExit as end:
        if arguments is not None:  # of a caller, who goes on
            raise
        _leave(end.code if isinstance(end.code, int) else 0)


def _leave(code: int) -> NoReturn:
    """End the process without taking runtimes apart, which takes most of a second.

    All is written by then, and what else is to be done at the end is done.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
    os._exit(code)


def run_command(command: click.Command, name: str, arguments: list[str] | None = None) -> NoReturn:
    """Run a command and exit; print an error that a user can act on as one line on stderr.

    Args:
        name: The program's name in its messages.
        arguments: None for the arguments of the process.
    """
    _end_cleanly_by_signals()
    _show_unknown_letters()
    if "" not in sys.path:  # `module:factory` in the working directory, as with `python -m`
        sys.path.append("")
    try:
        words = sys.argv[1:] if arguments is None else arguments
        if not (_ANSWERS.intersection(words) or COMPLETION in os.environ):
            check_environment(os.environ)
            _check_opencv(name)
        with ending_late():
            code = _run(command, name, words)
            sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else str(error), err=True)
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command_path = context.command_path if context else name
        message = error.format_message()
        if isinstance(error, click.MissingParameter):  # click lists the choices in lines
            message = " ".join(message.split())
        _fail(name, f"{one_line(message)} (see: {command_path} --help)", EXIT_USAGE)
    except RetinaFaceError as error:
        _fail(name, str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail(name, "interrupted", EXIT_INTERRUPTED)
    except _Ended:
        raise
    except SystemExit as end:  # of an engine or a library: no work of ours is done by then
        _fail(name, f"an engine or a library ended Python, with exit code {end.code!r}", EXIT_FAIL)
    except OSError as error:
        _end_by_system(name, words, error)
    except Exception as error:  # noqa: BLE001 - whatever no one foresaw, which is no verdict
        _fail(name, crash_line(error, words), EXIT_SOFTWARE)
    sys.exit(code if isinstance(code, int) else 0)


def _run(command: click.Command, name: str, words: list[str]) -> object:
    """Run a command, and give its exit code.

    `click.Command.main` would make 1 of a closed pipe, which is FAIL here, and an interruption of
    an end of file.
    """
    if COMPLETION in os.environ:
        try:
            return command.main(words, prog_name=name, standalone_mode=False)
        except SystemExit as answered:  # how click's completion ends
            raise _Ended(answered.code) from None
    try:
        with command.make_context(name, list(words)) as context:
            return command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code


def _end_by_system(name: str, words: list[str], error: OSError) -> NoReturn:
    """End where the system refused: a stream that nobody reads, a full disk, or a mistake."""
    if (broken := broken_stream(error)) is not None:
        drop(sys.stdout)
        if isinstance(error, BrokenPipeError):
            drop(sys.stderr)
            sys.exit(EXIT_PIPE)
        _fail(name, f"cannot write {broken}: {error.strerror}; send it elsewhere", EXIT_USAGE)
    if error.errno in NO_ROOM:
        where = error.filename2 or error.filename or "a file"
        room = f"make room, or name other places by TMPDIR and {CACHE_VARIABLE}"
        _fail(name, f"cannot write {where}: {error.strerror}; {room}", EXIT_USAGE)
    _fail(name, crash_line(error, words), EXIT_SOFTWARE)


def _show_unknown_letters() -> None:
    """Have a terminal that knows few letters show the others as Python writes them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _check_opencv(name: str) -> None:
    """Look for OpenCV, which no dependency brings: an SDK may have its own."""
    if find_spec("cv2") is None:
        _fail(
            name,
            "OpenCV (cv2) is not installed here; install the extra 'opencv', or opencv-python as "
            "your SDK's environment has it: one of them, never both",
            EXIT_USAGE,
        )


def _end_cleanly_by_signals() -> None:
    """Clean up after SIGTERM and SIGHUP as after Ctrl-C.

    No temporary folder and no child process stays. A process that should outlive its terminal
    (`nohup`) ignores SIGHUP and keeps ignoring it.
    """
    signals = [signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    for number in signals:
        signal.signal(number, _exit_by_signal)


def _exit_by_signal(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second signal must not stop the clean-up
    raise _Ended(128 + number)  # as shells report it


def _fail(name: str, message: str, code: int) -> NoReturn:
    click.echo(told(f"{name}: error: {one_line(message)}"), err=True)
    raise _Ended(code)
