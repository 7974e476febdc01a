"""Validation runs in a process of their own, and what their records say."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.environment import n_usable_cpus

ROOT = Path(__file__).resolve().parents[2]
SUITES = "tests/validation"
EMBEDDED = ("--weights=embedded", "--widerface=embedded")
_LIMIT_S = 600


@dataclass(frozen=True)
class Run:
    """A finished run: how it ended, what it said, and its record."""

    code: int
    output: str
    record: dict[str, Any]

    @property
    def verdict(self) -> str:
        return self.record["verdict"]

    def outcomes(self, containing: str = "") -> dict[str, str]:
        """Verdict of each test whose id contains the text."""
        return {t["id"]: t["verdict"] for t in self.record["tests"] if containing in t["id"]}

    def reasons(self, containing: str = "") -> str:
        """What the tests that are not green say, their checks included."""
        tests = [
            t
            for t in self.record["tests"]
            if containing in t["id"] and t["verdict"] in ("FAIL", "INCONCLUSIVE")
        ]
        checks = [c for t in tests for c in t["checks"] if c["verdict"] != "PASS"]
        said = [t["reason"] for t in tests] + [f"{c['name']}: {c['message']}" for c in checks]
        return "\n".join(said)


def pytest_run(folder: Path, *arguments: str, fault: str | None = None) -> Run:
    """Run the suites with pytest, with a fault inside the package if one is named."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    if fault is not None:
        command += ["-p", "tests.support.faults"]
    return _run([*command, *arguments, f"--record={folder}"], folder, fault)


@contextlib.contextmanager
def runs_ahead(folder: Path, calls: Mapping[str, Sequence[str]]) -> Iterator[Callable[[str], Run]]:
    """Runs with a fault each, as many at a time as there are processors: most of one is start-up.

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
    return _run(command, folder, None)


def _run(command: list[str], folder: Path, fault: str | None) -> Run:
    # A run is a session of its own: told that it is a worker of another, it would take no times.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    environment = {**inherited, "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT)}
    if fault is not None:
        environment["INJECTED_FAULT"] = fault
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    path = folder / "record.json"
    record = json.loads(path.read_text()) if path.is_file() else {}
    return Run(result.returncode, result.stdout + result.stderr, record)
