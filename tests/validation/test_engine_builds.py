"""Builds that are files: made twice from one source, and both judged where they differ.

All other suites judge the first. A compiler that picks kernels by timing them may pick others the
next time, and one right build does not vouch for the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from retinaface.checks.quantities import check_probabilities
from retinaface.checks.raw_outputs import check_fidelity, output_errors
from retinaface.engines.base import Engine
from retinaface.reference.inputs import N_IMAGES
from retinaface.suite.judged.outputs import agreement, infer_all
from retinaface.suite.matrix import DETECTION_KINDS, KIND_PARAMS
from retinaface.verdicts import Check, Verdict

pytestmark = [
    pytest.mark.answers("engine"),
    pytest.mark.builds,
    pytest.mark.offers("builds", "rounding"),
    pytest.mark.needs("reference"),
]
# Any other number than that of the build which the run is about.
SECOND = 2
N_ROWS = 8


@dataclass(frozen=True)
class Builds:
    """Two builds of one source, both open."""

    first: Engine
    second: Engine

    @property
    def n_differing(self) -> int | None:
        """Count bytes in which the files differ; None where one is longer."""
        ours, theirs = (
            np.frombuffer(engine.built_file.read_bytes(), np.uint8)
            for engine in (self.first, self.second)
        )
        return int((ours != theirs).sum()) if ours.size == theirs.size else None

    def are_equal(self, name: str) -> Check:
        """Judge builds that are equal in every byte: there is nothing more to compare."""
        assert self.n_differing == 0
        file = self.first.built_file.name
        return Check(name, Verdict.PASS, f"two builds are equal in every byte ({file})")


@pytest.fixture(scope="module")
def builds(engine_name: str, pool: Any):
    """Make the run's build, and one more of the same source."""
    first = pool.get(engine_name)
    with pool.open(engine_name, model=first.spec.model, build=SECOND) as second:
        yield Builds(first, second)


def test_a_second_build_is_one_of_its_own(builds, gate):
    """Catch a cache that gives the first build again, which leaves nothing to judge."""
    first, second = builds.first.built_file, builds.second.built_file
    problems = []
    if second is None or not second.is_file():
        problems.append(f"no file of the second build: {second}")
    elif second == first:
        problems.append(f"the second build is the file of the first, {first}: see spec.build")
    if problems:
        gate(Check("second build", Verdict.FAIL, "; ".join(problems)))
    n = builds.n_differing
    text = f"different lengths: {first.stat().st_size} and {second.stat().st_size} bytes"
    if n is not None:
        text = f"{n} of {first.stat().st_size} bytes differ"
    gate(Check("second build", Verdict.PASS, text, {"n_differing": n}))


@pytest.mark.parametrize("kind", KIND_PARAMS)
def test_the_second_build_agrees_with_float64_torch(builds, kind, cases, gate):
    """Judge the second build by the limits of the first."""
    name = f"second build, {kind}"
    if builds.n_differing == 0:
        gate(builds.are_equal(name))
        return
    engine = builds.second.spec
    case, precision = cases.judging(engine.name, kind, N_ROWS), engine.precision
    outputs = builds.second.infer(case.images)
    errors = output_errors(outputs, case, precision)
    gate(check_fidelity(name, errors), check_probabilities(name, outputs.scores, precision))


@pytest.mark.parametrize("kind", DETECTION_KINDS)
def test_both_builds_give_the_same_detections(builds, kind, cases, gate):
    name = f"second build against the first, {kind}"
    if builds.n_differing == 0:
        gate(builds.are_equal(name))
        return
    images = cases.get(kind, N_IMAGES[kind]).images
    outputs = (infer_all(engine, images) for engine in (builds.first, builds.second))
    gate(*agreement(name, *outputs, kind, builds.first.spec.precision))
