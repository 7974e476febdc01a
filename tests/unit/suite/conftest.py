"""Small validation runs inside pytest: the repository's conftest.py over suites of a few lines."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
import scipy.io  # noqa: F401

# What a run imports late must be here before: pytester forgets what a run brought in.
import retinaface.checks.speed.gate  # noqa: F401
from tests.support.made.small_suites import HEAD, SUITE

with contextlib.suppress(ImportError):  # it ends the process when it is imported anew
    import onnx  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def session(pytester, monkeypatch):
    """Run suites in a folder of their own, and give pytest's result and the record."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, pytester.path)
    for name in ("CI", "RETINAFACE_GOLDEN", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)

    def run(*tests, arguments=(), files=None, in_process=True):
        for path, content in {SUITE: HEAD + "\n\n".join(tests), **(files or {})}.items():
            (pytester.path / path).parent.mkdir(parents=True, exist_ok=True)
            (pytester.path / path).write_text(content)
        words = ["-p", "no:cacheprovider", "--record=record", *arguments]
        runs = pytester.runpytest_inprocess if in_process else pytester.runpytest_subprocess
        result = runs(*words)
        path = pytester.path / "record/record.json"
        return result, json.loads(path.read_text()) if path.is_file() else None

    return run
