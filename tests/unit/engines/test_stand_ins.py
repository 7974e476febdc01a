"""Properties that the engines of vendors' runtimes share, each on a stand-in of its runtime."""

import sys
from typing import NamedTuple

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineFault
from tests.support.engines import assert_refused, noise
from tests.support.standins.ixrt import FakeIxrt
from tests.support.standins.tensorrt import FakeTensorRt
from tests.support.standins.tvm import FakeTvm

pytestmark = [
    pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common"),
    pytest.mark.usefixtures("no_board"),
]


class Case(NamedTuple):
    """An engine, its stand-in, and its message if the runtime is missing."""

    name: str
    fake: type
    module: str
    runtime: str
    missing: str
    next_step: str


IGIE = Case(
    "igie-iluvatar-fp16", FakeTvm, "iluvatar.igie", "tvm",
    "igie engines need IGIE, the vendor's TVM, and tvm cannot be imported (ModuleNotFoundError",
    "IXUCA_WHEELS=FOLDER tox run -e validate-ixuca420",
)  # fmt: skip
IXRT = Case(
    "ixrt-iluvatar-fp16", FakeIxrt, "iluvatar.ixrt", "tensorrt",
    "ixRT, but its module tensorrt cannot be imported (ModuleNotFoundError",
    "IXUCA_WHEELS=FOLDER",
)  # fmt: skip
TENSORRT = Case(
    "tensorrt-cuda-fp32", FakeTensorRt, "tensorrt.engine", "tensorrt",
    "tensorrt cannot be imported (ModuleNotFoundError", "the extra 'tensorrt'",
)  # fmt: skip


def over(*cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


@over(IGIE, IXRT, TENSORRT)
def test_no_later_call_changes_the_outputs(stand_in, model, case):
    stand_in(case.fake(), case.module)
    with open_engine(case.name, model=model) as engine:
        first = engine.infer(noise(2))
        kept = [array.copy() for array in first]
        engine.infer(noise(2, seed=1))
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


@over(IGIE, IXRT, TENSORRT)
def test_without_the_runtime_no_export_is_made(stand_in, monkeypatch, case):
    stand_in(case.fake(), case.module)
    monkeypatch.setitem(sys.modules, case.runtime, None)  # as if it were not installed
    assert case.next_step in assert_refused(case.name, case.missing)


@over(IGIE, IXRT, TENSORRT)
def test_a_failed_build_reports_the_compilers_error(stand_in, model, monkeypatch, case):
    stand_in(case.fake(), case.module)

    def fails(_path, _content):
        raise RuntimeError("no space\nand a long trace")

    monkeypatch.setattr("pathlib.Path.write_bytes", fails)
    assert_refused(case.name, "RuntimeError: no space; try a file of another opset", model=model)


@over(IXRT, TENSORRT)
def test_a_failure_on_the_device_is_a_refusal_at_first_and_a_fault_later(stand_in, model, case):
    fake = stand_in(case.fake(), case.module)
    with open_engine(case.name, model=model) as engine:
        fake.executes = False
        with pytest.raises(EngineFault, match=r"execute_\w+ returned False"):
            engine.infer(noise(1))
    assert_refused(case.name, "returned False", model=model)
    memory = fake.memory if case is IXRT else fake.cuda.memory
    assert memory == {}  # freed although it was never opened
