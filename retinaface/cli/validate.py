"""`retinaface validate`: the validation suites in a supervised child process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from retinaface.cli.options import ENGINE_NAMES, MAX_BATCH, PATH, PIPELINE_NAMES, SUBSET_NAMES

# How pytest's own exit codes read here: a run that was interrupted, broke inside, or found no test
# is no pass; 4 is bad usage.
_EXIT_CODES = {0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 5: 1, 10: 10}
_POLL_S = 0.2
_GRACE_S = 5.0
# What pytest answers without running a test.
_NO_RUN = {"--co", "--collect-only", "--help", "-h", "--version", "-V", "--fixtures", "--markers"}
_MANY = {"engine", "engine_file", "engine_option", "pipeline", "model", "require"}


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
)
@click.option(
    "--engine",
    multiple=True,
    metavar="NAME",
    help=f"Engine to test (repeatable): {', '.join(ENGINE_NAMES)}; an installed entry point; or "
    "package.module:factory. One that is named must run.  [default: those of ONNX Runtime]",
)
@click.option(
    "--pipeline",
    multiple=True,
    type=click.Choice(PIPELINE_NAMES),
    help="Published recipe to test (repeatable).  [default: all]",
)
@click.option(
    "--batch", type=click.IntRange(1, MAX_BATCH), metavar="N", help="Most images in one call."
)
@click.option(
    "--model",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Exported file to judge (repeatable: one FP32, one FP16), in place of fresh exports. "
    "Needs no torch where FILE.reference.npz stands beside it.",
)
@click.option(
    "--engine-file",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Prebuilt engine to judge (repeatable), for engines whose builds are files: IGIE, ixRT, "
    "TensorRT, TVM.",
)
@click.option(
    "--engine-option",
    multiple=True,
    metavar="NAME=VALUE",
    help="Setting of the engines of the run (repeatable), as for `retinaface evaluate`.",
)
@click.option(
    "--weights",
    metavar="FILE|embedded",
    help="Checkpoint.  [default: the published one; the embedded set where neither it nor images "
    "are here]",
)
@click.option(
    "--widerface",
    type=PATH,
    metavar="DIR|embedded",
    help="WIDER FACE validation set, or the pictures that ship with the package.",
)
@click.option("--subset", type=click.Choice(SUBSET_NAMES), help="Only a named part of it.")
@click.option(
    "--baseline", metavar="FILE|auto", help="Baselines to hold against.  [default: baselines/]"
)
@click.option(
    "--require",
    multiple=True,
    metavar="NAME",
    help="Fail instead of skipping where this is missing (repeatable): checkpoint, cuda, golden, "
    "onnxruntime, torch, widerface, ...",
)
@click.option("--record", type=PATH, metavar="DIR", help="Write the run record into a new folder.")
@click.option("--junitxml", type=PATH, metavar="FILE", help="Write JUnit XML, for a CI server.")
@click.option(
    "--accept-baseline",
    is_flag=True,
    help="Make this run's figures the baseline. Wants --reason and a clean tree; refused in CI.",
)
@click.option("--reason", metavar="TEXT", help="Why the new baseline is right.")
@click.option("-m", "markers", metavar="EXPR", help='Marks, as "not accuracy and not speed".')
@click.option("-k", "keywords", metavar="EXPR", help="Names of tests, as for pytest.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="Longest that one test may take: then the run ends as FAIL.",
)
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED)
def validate(
    markers: str | None,
    keywords: str | None,
    timeout: float,
    pytest_args: tuple[str, ...],
    **options: Any,
) -> None:
    """Validate engines: fidelity, FP16 parity, decoding and NMS, WIDER FACE AP, speed.

    \b
    retinaface validate
    retinaface validate --engine ort-cpu-fp32 --engine ort-cpu-fp16 --widerface DIR --record RUN
    retinaface validate --engine ort-cpu-fp32 -m "not accuracy and not speed"
    retinaface validate --engine mypackage.engines:open_mine --pipeline igie

    It is the run `pytest tests/validation` in a process of its own, so that an engine that crashes
    or hangs is a FAIL whose record names the test. What else pytest takes may follow.

    Exit codes: 0 PASS, 1 FAIL, 2 bad usage, 10 INCONCLUSIVE.
    """
    from retinaface.files import check_output_dir, check_output_file

    root = _checkout()
    _check_no_name_alone(pytest_args)
    if options["junitxml"] is not None:
        check_output_file(options["junitxml"])
    record: Path | None = options["record"]
    if record is not None:
        check_output_dir(record)
        options["record"] = record.resolve()
    with contextlib.ExitStack() as stack:
        folder = options["record"]
        if folder is None:  # the supervisor needs one to learn which test was running
            temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="retinaface-"))
            folder = Path(temporary) / "run"
            options["record"] = folder
        command = [sys.executable, "-m", "pytest", "tests/validation"]
        command += _arguments(options, markers, keywords)
        command += [] if record else ["--record-is-temporary"]
        code = _supervise([*command, *pytest_args], root, folder, timeout, kept=record)
    click.get_current_context().exit(code)


def _check_no_name_alone(words: tuple[str, ...]) -> None:
    """Refuse `--engine A B`, of which pytest would take B for a file."""
    from retinaface.engines import engine_names
    from retinaface.pipelines import PIPELINES

    options = dict.fromkeys(engine_names(), "--engine") | dict.fromkeys(PIPELINES, "--pipeline")
    for before, word in zip(("", *words), words, strict=False):
        if word in options and not before.startswith("-"):
            option = options[word]
            raise click.UsageError(
                f"{word} stands without an option, so pytest would take it for a file; each name "
                f"has an option of its own: {option} {word}"
            )


def _checkout() -> Path:
    """The checkout that holds the suites: the working directory, else where the package lies."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (root / "tests" / "validation").is_dir() and (root / "conftest.py").is_file():
            return root
    raise click.UsageError(
        "validate runs the suites of a checkout (tests/validation), and there is none here; "
        "clone the repository, install it with pip install -e, and run it there"
    )


def _arguments(options: dict[str, Any], markers: str | None, keywords: str | None) -> list[str]:
    arguments = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(option)
        elif name in _MANY:
            arguments += [f"{option}={_absolute(name, item)}" for item in value]
        elif value not in (None, False):
            arguments.append(f"{option}={_absolute(name, value)}")
    for flag, expression in (("-m", markers), ("-k", keywords)):
        if expression is not None:
            arguments += [flag, expression]
    return arguments


def _absolute(name: str, value: Any) -> str:
    """Paths are the caller's; the child runs in the checkout."""
    is_path = name in ("model", "engine_file", "record", "junitxml") or (
        name in ("weights", "widerface", "baseline") and str(value) not in ("embedded", "auto")
    )
    return str(Path(value).resolve()) if is_path else str(value)


@dataclass
class _Watch:
    """Follows a run by its record: which test is running, and since when."""

    folder: Path
    running: str | None = None
    since: float = 0.0
    state: str | None = None

    def look(self) -> None:
        """Read the record; it is replaced whole, so it can be read at any time."""
        try:
            record = json.loads((self.folder / "record.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        self.state = record.get("state")
        if record.get("running") != self.running:
            self.running, self.since = record.get("running"), time.monotonic()


def _supervise(
    command: list[str], root: Path, folder: Path, timeout: float, *, kept: Path | None
) -> int:
    """Run the child to its end, its crash, or its last second.

    Returns:
        The exit code of the command.
    """
    environment = dict(os.environ)
    # The child's Python must find engines that the caller's finds.
    paths = [str(Path.cwd()), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    child = subprocess.Popen(command, cwd=root, env=environment, start_new_session=True)  # noqa: S603
    watch = _Watch(folder, since=time.monotonic())
    problem = None
    try:
        while child.poll() is None:
            watch.look()
            if time.monotonic() - watch.since > timeout:
                problem = f"took longer than --timeout {timeout:g} s"
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_POLL_S)
    finally:
        _end(child)
    watch.look()
    if problem is None and child.returncode < 0:
        problem = f"the process ended by {_signal_name(-child.returncode)}"
    if problem is None and child.returncode not in _EXIT_CODES:
        problem = f"the process ended itself with exit code {child.returncode}"
    if problem is None and watch.running is not None:
        problem = f"the process ended with exit code {child.returncode} inside a test"
    runs_tests = not _NO_RUN.intersection(command)
    if problem is None and child.returncode in (0, 10) and runs_tests and watch.state != "finished":
        problem = f"the process ended with exit code {child.returncode} and left no whole record"
    if problem is None:
        return _EXIT_CODES[child.returncode]
    _report(problem, watch.running, folder, kept)
    return 1


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started: politely, then for good."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # whatever it started and did not end itself
    child.wait()


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):  # real-time signals have no name
        return signal.Signals(number).name
    return f"signal {number}"


def _report(problem: str, running: str | None, folder: Path, kept: Path | None) -> None:
    """Say which test was running, and write it into the record."""
    from retinaface.files import new_file

    where = running or "before the first test, or after the last"
    path = folder / "record.json"
    record = None
    with contextlib.suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(record, dict):
        record |= {"state": "crashed", "running": running, "verdict": "FAIL", "crash": problem}
        for test in record.get("tests", []):
            if test["id"] == running:
                test |= {"verdict": "FAIL", "reason": problem}
        with new_file(path) as file:
            file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    click.echo(f"\nFAIL {where}: {problem}")
    if kept is not None:
        click.echo(f"Record: {kept}")
    click.secho("VERDICT: FAIL", fg="red", bold=True)
