"""Run validation in a process of its own, and read its record."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retinaface.environment import n_usable_cpus
from retinaface.suite.settings.given import NO_FILE
from retinaface.suite.settings.variables import CONFIG_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
SUITES = "tests/validation"
EMBEDDED = ("--weights=embedded", "--widerface=embedded")
_LIMIT_S = 600
# Checks of times within a run, which a machine that does more than this run leaves open.
_WITHIN_RUN = ("drift within the run", "slow calls")
# What every run imports. A package that is not here is passed over.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "pytest",
        "hypothesis",
        "pytest_benchmark.plugin",
        "scipy.io",
        "msgspec",
        "onnxsim",
        "torch",
        "onnx",
        "onnxruntime",
        "retinaface.widerface.evaluation",
        "retinaface.checks.accuracy",
        "retinaface.engines.onnxruntime.cpu",
        "retinaface.export.cache",
        "retinaface.reference.from_torch",
        "retinaface.suite.plugin",
        "retinaface.suite.display.summary",
    ]
)


@dataclass(frozen=True)
class Run:
    """A finished run: its exit code, its output and its record."""

    code: int
    output: str
    record: dict[str, Any]

    @property
    def verdict(self) -> str:
        return self.record["verdict"]

    def outcomes(self, containing: str = "") -> dict[str, str]:
        """Give the verdict of each test whose id contains the text."""
        return {t["id"]: t["verdict"] for t in self.record["tests"] if containing in t["id"]}

    def noise(self) -> set[str]:
        """Ids of tests that the machine's noise alone left open: what they time was not blamed."""
        return {
            t["id"]
            for t in self.record["tests"]
            if t["verdict"] == "INCONCLUSIVE"
            and all(
                c["verdict"] == "PASS"
                or (c["verdict"] == "INCONCLUSIVE" and c["name"] in _WITHIN_RUN)
                for c in t["checks"]
            )
        }

    def reasons(self, containing: str = "") -> str:
        """Join the reasons of the tests that are not green, their checks included."""
        tests = [
            t
            for t in self.record["tests"]
            if containing in t["id"] and t["verdict"] in ("FAIL", "INCONCLUSIVE")
        ]
        checks = [c for t in tests for c in t["checks"] if c["verdict"] != "PASS"]
        texts = [t["reason"] for t in tests] + [f"{c['name']}: {c['message']}" for c in checks]
        return "\n".join(texts)


def stand_in_run(folder: Path, maker: str, chosen: str, engines: Sequence[str]) -> Run:
    """Run the suites over engines of a maker on its stand-ins, in the pipeline `igie`.

    Args:
        folder: Of the record.
        maker: Of `tests/support/standins`: `iluvatar` or `nvidia`.
        chosen: Words for `-k`.
    """
    plugin = f"tests.support.standins.{maker}_plugin"
    named = [f"--engine={name}" for name in engines]
    return pytest_run(folder, "-p", plugin, SUITES, "-k", chosen, "--pipeline=igie", *named)


def pytest_run(folder: Path, *arguments: str, fault: str | None = None) -> Run:
    """Run the suites with pytest, with a fault inside the package if one is named.

    In a process of its own, forked off one that has imported what every run imports: that start-up
    is most of a short run. The parent used none of them, so a fault breaks one run alone.
    """
    words = ["-p", "no:cacheprovider", "--assert=plain", "-q"]
    if fault is not None:
        words += ["-p", "tests.support.given.faults"]
    words += [*arguments, f"--record={folder}"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    output = folder.with_suffix(".output")
    child = _FORKS.Process(target=_child, args=(words, environment_of(fault), output))
    child.start()
    child.join(_LIMIT_S)
    if child.exitcode is None:
        child.kill()
        raise TimeoutError(f"pytest {' '.join(words)} took more than {_LIMIT_S} s")
    return _finished(child.exitcode, output.read_text(errors="replace"), folder)


def _child(words: list[str], environment: dict[str, str], output: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sys.argv = ["pytest", *words]
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    code = pytest.main(words)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


@contextlib.contextmanager
def runs_ahead(folder: Path, calls: Mapping[str, Sequence[str]]) -> Iterator[Callable[[str], Run]]:
    """Run the suites once for each fault, as many at a time as there are processors.

    Args:
        folder: For the records.
        calls: Arguments for pytest by fault, in the order in which they will be asked for.

    Yields:
        What waits for the run of a fault.
    """
    with ThreadPoolExecutor(n_usable_cpus()) as pool:
        runs = {
            fault: pool.submit(pytest_run, folder / fault, *arguments, fault=fault)
            for fault, arguments in calls.items()
        }
        try:
            yield lambda fault: runs[fault].result()
        finally:
            pool.shutdown(cancel_futures=True)


def validate(folder: Path, *arguments: str) -> Run:
    """Run `retinaface validate`."""
    command = [sys.executable, "-m", "retinaface", "validate", *arguments, f"--record={folder}"]
    return _run(command, folder)


def _run(command: list[str], folder: Path) -> Run:
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment_of(None),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    return _finished(result.returncode, result.stdout + result.stderr, folder)


def environment_of(fault: str | None = None) -> dict[str, str]:
    """Give the variables of a run in a process of its own, with a fault in it or none."""
    # A run is a session of its own: as the worker of another session it would take no times.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    named = {"INJECTED_FAULT": fault} if fault is not None else {}
    inherited[CONFIG_VARIABLE] = NO_FILE  # a developer's own options are not of these runs
    return {**inherited, "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT), **named}


def _finished(code: int, output: str, folder: Path) -> Run:
    path = folder / "record.json"
    record = json.loads(path.read_text()) if path.is_file() else {}
    return Run(code, output, record)
