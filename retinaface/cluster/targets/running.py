"""Run one target on the worker that is called: `validate` in its interpreter, guarded."""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import NoneType
from typing import TypeVar

import msgspec
from msgspec import Struct

from retinaface.cluster.targets.guard import OUTPUT_FILE, Ended, Job, read_ended, start_guard
from retinaface.cluster.targets.packing import pack
from retinaface.engines.remote.pipes import interpreter
from retinaface.environment import signal_name
from retinaface.errors import EngineUnavailable, RecordError
from retinaface.records.write import RECORD_FILE, write_crash
from retinaface.suite.settings.given import NO_FILE
from retinaface.suite.settings.known import KNOWN
from retinaface.suite.settings.variables import CONFIG_VARIABLE, variable
from retinaface.temporaries import scratch_dir
from retinaface.verdicts import Verdict

# The end of a target's output that comes home; the rest is in its record.
_OUTPUT_BYTES = 256 * 1024
# An answer with a run of all engines has some MB.
_ANSWER_BYTES = 64 * 2**20
_POLL_S = 0.2
_RECORD, _ANSWER, _TEMPORARY = "record", "answer.json", "tmp"


@dataclass(frozen=True)
class Order:
    """What a worker is asked to run.

    Attributes:
        python: An interpreter or environment here; empty for the worker's own.
        arguments: Of `validate`.
        env: Variables beside the worker's.
        limit_s: Until it is ended.
    """

    python: str
    arguments: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    limit_s: float = 3600


@dataclass(frozen=True)
class Outcome:
    """How a target ended.

    Attributes:
        reason: The first thing that is not green, in a line; empty for a PASS.
        record: Its run record, packed; None where it left none.
        output: The end of what it printed.
    """

    verdict: Verdict
    reason: str
    seconds: float = 0.0
    record: bytes | None = None
    output: str = ""


def checked(outcome: object) -> Outcome:
    """Give what a worker answered, or a FAIL that says what it answered instead."""
    if not isinstance(outcome, Outcome):
        got = f"a {type(outcome).__name__}"
    elif not isinstance(outcome.verdict, Verdict):
        got = f"the verdict {outcome.verdict!r:.80}"
    elif not all(isinstance(words, str) for words in (outcome.reason, outcome.output)):
        got = "a reason or an output that is no text"
    elif not isinstance(outcome.record, (bytes, NoneType)):
        got = f"a record of type {type(outcome.record).__name__}"
    elif not (isinstance(outcome.seconds, float) and 0 <= outcome.seconds < math.inf):
        got = f"a time of {outcome.seconds!r:.80} s"
    else:
        return replace(outcome, reason=_line(outcome.reason))
    problem = f"its worker answered with {got}; start the workers with this package, run it again"
    return Outcome(Verdict.FAIL, problem)


class _Test(Struct):
    id: str
    verdict: str | None = None
    reason: str = ""


class _Run(Struct):
    tests: list[_Test] = []
    problem: str | None = None


class _Answer(Struct):
    """What `validate --json` writes, as far as a row shows it; further fields are not read."""

    verdict: Verdict
    problem: str = ""
    run: _Run | None = None


class _Running(Struct):
    """Which test was running when a record was last written."""

    running: str | None = None


_S = TypeVar("_S", bound=Struct)


def run_target(order: Order, is_wanted: Callable[[], bool] = lambda: True) -> Outcome:
    """Run a target in a process group and a temporary folder of its own.

    Args:
        is_wanted: Asked now and then; once it says no, the target is ended.
    """
    started = time.monotonic()
    with scratch_dir() as temporary:
        try:
            outcome = _run(order, temporary, is_wanted)
        except EngineUnavailable as error:  # there is no such interpreter
            outcome = Outcome(Verdict.FAIL, f"could not start: {error}")
    return replace(outcome, seconds=time.monotonic() - started)


def _run(order: Order, folder: Path, is_wanted: Callable[[], bool]) -> Outcome:
    (folder / _TEMPORARY).mkdir()
    job = Job(_command(order, folder), _environment(order, folder), order.limit_s)
    with start_guard(job, folder) as guard:
        while guard.poll() is None:
            if not is_wanted():  # leaving the block closes the pipe, and the guard ends all
                return Outcome(Verdict.INCONCLUSIVE, "was cancelled")
            time.sleep(_POLL_S)
    return _conclude(read_ended(folder), folder)


def _command(order: Order, folder: Path) -> list[str]:
    named = order.python and str(Path(order.python).expanduser())
    if named and "/" not in named:
        named = shutil.which(named) or named
    python = interpreter(Path(named or sys.executable))
    options = (f"--record={folder / _RECORD}", f"--json={folder / _ANSWER}", f"--config={NO_FILE}")
    return [str(python), "-m", "retinaface", "validate", *order.arguments, *options]


def _environment(order: Order, folder: Path) -> dict[str, str]:
    """Give the worker's variables, but for options: the plan alone says what runs."""
    options = {*map(variable, KNOWN), CONFIG_VARIABLE}
    inherited = {name: value for name, value in os.environ.items() if name not in options}
    return {**inherited, "TMPDIR": str(folder / _TEMPORARY), **order.env}


def _conclude(ended: Ended, folder: Path) -> Outcome:
    """Judge a target by the answer of `validate`; one that gave none fails.

    Where `validate` went wrong by a mistake of its own, nothing is said of an engine.
    """
    answer, record = _read(folder / _ANSWER, _Answer), folder / _RECORD
    output = _end_of(folder / OUTPUT_FILE)
    if answer is not None and not ended.problem:
        verdict, reason = _judged(answer, ended.code)
    else:
        is_mistake = not ended.problem and ended.code == os.EX_SOFTWARE
        verdict = Verdict.INCONCLUSIVE if is_mistake else Verdict.FAIL
        problem = ended.problem or _how_it_ended(ended.code, output)
        left = _read(record / RECORD_FILE, _Running)
        running = left.running if left is not None else None
        write_crash(record, problem, running)
        reason = f"{problem}; {_short(running)} was running" if running else problem
    packed = None
    if (record / RECORD_FILE).is_file():
        try:
            packed = pack(record)
        except RecordError as error:
            reason = f"{reason}; {error}" if reason else str(error)
    return Outcome(verdict, reason, record=packed, output=output)


def _read(path: Path, type_: type[_S]) -> _S | None:
    """Read what a process of any release wrote; None where it is missing, damaged or too large."""
    try:
        if not path.is_file() or path.stat().st_size > _ANSWER_BYTES:
            return None
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except (OSError, msgspec.DecodeError, RecursionError):  # which deep nesting raises
        return None


def _judged(answer: _Answer, code: int | None) -> tuple[Verdict, str]:
    """Give verdict and reason of an answer; one that the exit code contradicts fails."""
    verdict = answer.verdict
    if verdict is not Verdict.FAIL and code != verdict.exit_code:
        return Verdict.FAIL, f"its answer says {verdict}, but it ended with exit code {code}"
    return verdict, _reason(answer)


def _reason(answer: _Answer) -> str:
    """Give the first thing that is not green, in a line."""
    if answer.verdict is Verdict.PASS:
        return ""
    if answer.problem:
        return _line(answer.problem)
    run = answer.run or _Run()
    for test in run.tests:
        if test.verdict in (answer.verdict.value, None):
            return f"{_short(test.id)}: {_line(test.reason) or 'did not end'}"
    return _line(run.problem or "") or "nothing was measured"


def _how_it_ended(code: int | None, output: str) -> str:
    lines = output.strip().splitlines()
    how = f"ended by {signal_name(-code)}" if code is not None and code < 0 else f"exit code {code}"
    return f"gave no answer ({how})" + (f": {lines[-1]}" if lines else "")


def _line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _short(test: str) -> str:
    """Leave out the folders of a test's id."""
    file, colons, name = test.partition("::")
    return f"{file.rpartition('/')[2]}{colons}{name}"


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _OUTPUT_BYTES))
        return file.read().decode(errors="replace")
