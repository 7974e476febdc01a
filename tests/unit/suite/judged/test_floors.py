from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.network.outputs import RawOutputs
from retinaface.reference.stored import ReferenceCase
from retinaface.suite.judged.floors import checked_inputs, floor_of

WIDTHS = {"loc": 4, "conf": 2, "landmarks": 10}


class Int8:
    """Gives the exact outputs of the first images, off by a little."""

    spec = SimpleNamespace(precision="int8")

    def __init__(self, exact):
        self._exact = exact

    def infer(self, images):
        own = (v[: len(images)].astype(np.float32) + 0.0005 for v in self._exact.values())
        return RawOutputs(*own)


def made_case():
    exact = {name: np.full((3, 5, width), 0.5) for name, width in WIDTHS.items()}
    rounded = {name: array.astype(np.float32) for name, array in exact.items()}
    return ReferenceCase("x", np.zeros((3, 3, 8, 8), np.float32), exact, rounded, rounded)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_floats_are_judged_by_the_rounding_of_their_precision(precision):
    engine, case = SimpleNamespace(spec=SimpleNamespace(precision=precision)), made_case()
    assert floor_of(engine, case) == (case, precision)


def test_int8_is_judged_by_its_own_error():
    case = made_case()
    judged, precision = floor_of(Int8(case.exact), case)
    assert precision == "fp16"
    np.testing.assert_allclose(judged.float16["loc"], 0.5005, rtol=1e-6)
    inputs = checked_inputs(Int8(case.exact), case, 2)
    inputs.fill()
    inputs.check(Int8(case.exact).infer(case.images[:2]))
    assert inputs.n_wrong == 0
    wrong = RawOutputs(*(array[:2].astype(np.float32) + 0.2 for array in case.exact.values()))
    inputs.check(wrong)
    assert inputs.n_wrong == 1
