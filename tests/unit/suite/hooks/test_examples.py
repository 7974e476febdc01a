"""The profile of Hypothesis in a process of its own, because it is global."""

import subprocess
import sys

import pytest

CODE = """
from hypothesis import settings
from retinaface.suite.hooks.examples import pytest_addoption
pytest_addoption()
print(settings.default.deadline, settings.default.derandomize)
"""


@pytest.mark.parametrize(("ci", "expected"), [(None, "None False"), ("true", "None True")])
def test_examples_are_the_same_in_ci_and_never_against_a_clock(monkeypatch, ci, expected):
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == expected
