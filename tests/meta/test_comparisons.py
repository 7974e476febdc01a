"""Records of real runs: the same environment is never called different, an option is placed."""

from __future__ import annotations

import contextlib
from itertools import combinations

import pytest

from retinaface.cli import main
from retinaface.comparison.attribution import attribute
from retinaface.comparison.compare import compare_runs
from retinaface.comparison.pairs import matched_pairs
from retinaface.records.find import find_runs
from tests.support.runs import EMBEDDED

RUNS = {
    "a1": ("ort-cpu-fp32",),
    "a2": ("ort-cpu-fp32",),
    "a3": ("ort-cpu-fp32",),
    "unfused": ("ort-cpu-fp32", "--engine-option", "fusions=off"),
    "half": ("ort-cpu-fp16",),
}
pytestmark = [
    pytest.mark.accuracy,
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Make records over the embedded set, by name."""
    folder = tmp_path_factory.mktemp("runs")
    for name, (engine, *options) in RUNS.items():
        arguments = ["--pipeline", "igie", "--engine", engine, *EMBEDDED, *options]
        with contextlib.suppress(SystemExit):
            main(["evaluate", *arguments, "--output", str(folder / name)])
    return {run.name: run for run in find_runs([folder])[0]}


def test_runs_of_one_environment_are_never_called_different(runs):
    assert list(runs) == sorted(RUNS)
    for one, other in combinations(("a1", "a2", "a3"), 2):
        comparison = compare_runs(runs[one], runs[other])
        assert comparison.environment == []
        assert str(comparison.verdict) == "PASS"
        assert comparison.moved() == []


@pytest.mark.parametrize(
    ("name", "stage", "words"),
    [
        ("unfused", "raw outputs", "so the engine: options none -> fusions=off"),
        ("half", "precision", "fp32, I/O fp32 -> fp16, I/O fp32"),
    ],
)
def test_an_option_of_the_build_is_shown_where_it_enters(runs, name, stage, words):
    (pair,) = matched_pairs(runs["a1"], runs[name])
    found = attribute(pair)
    assert found.first.name == stage
    assert words in found.first.text
    before = found.stages[: found.stages.index(found.first)]
    assert {entry.state for entry in before} == {"same"}


def test_runs_of_one_environment_have_no_stage_that_moved(runs):
    (pair,) = matched_pairs(runs["a1"], runs["a2"])
    found = attribute(pair)
    assert {entry.state for entry in found.stages} == {"same"}
