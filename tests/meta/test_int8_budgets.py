"""INT8 files with one fault each: red under a budget that the honest file keeps."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.given.int8_exports import run_export
from tests.support.runs import EMBEDDED, SUITES, pytest_run

pytestmark = pytest.mark.needs("torch", "onnxruntime", "onnx", "onnxsim")
BUDGET = ("--budget-ap=3,3,3", "--budget-detections=0.5")
# The search for costly layers takes most of a minute: one run has it.
WITHIN = ("-k", "within_the_budget")
INT8 = ("--pipeline=igie", "--engine=ort-cpu-int8", *EMBEDDED)
TESTS = f"{SUITES}/test_int8_budgets.py"


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """An INT8 file of the embedded weights, calibrated on some pictures of the embedded set."""
    from retinaface.detection.pipelines import PIPELINES, photograph_inputs
    from retinaface.embedded import embedded_root
    from retinaface.export.int8.calibration import CalibrationSet
    from retinaface.network.checkpoint import load_model

    path = tmp_path_factory.mktemp("int8") / "x.onnx"
    pictures = sorted(embedded_root().rglob("*.jpg"))[::4]
    images = photograph_inputs({p.name: p.read_bytes() for p in pictures}, PIPELINES["igie"])
    run_export(load_model("embedded"), path, CalibrationSet(images, ("0" * 64,) * len(pictures)))
    return path


def wrong_scale(values):
    """Weights of the layer are half as large as they should be."""
    values["fpn.output1.0.kernel_scale"] = values["fpn.output1.0.kernel_scale"] * np.float32(0.5)


def wrong_zero_point(values):
    """Zero of the network's input is read 90 steps beside its place."""
    place = values["input_zero_point"].astype(np.int32)
    values["input_zero_point"] = np.where(place < 0, place + 90, place - 90).astype(np.int8)


def swapped_channels(values):
    """Each channel of the layer has the scale of its neighbour."""
    values["body.stage1.1.3.kernel_scale"] = np.roll(values["body.stage1.1.3.kernel_scale"], 1)


def with_fault(honest, path, fault):
    """Write the file with other scales or zero points, by name of layer or tensor."""
    import onnx
    from onnx import numpy_helper

    from retinaface.export.manifest import read_manifest

    model = onnx.load(honest)
    layers = read_manifest(honest).layers
    makers = {output: node for node in model.graph.node for output in node.output}
    names = {
        f"{layer}.kernel_scale": makers[makers[tensor].input[1]].input[1]
        for layer, tensor in layers.items()
    }
    names["input_zero_point"] = "input_zero_point"
    tensors = {t.name: t for t in model.graph.initializer}
    values = {key: numpy_helper.to_array(tensors[name]) for key, name in names.items()}
    before = dict(values)
    fault(values)
    changed = [key for key in values if not np.array_equal(values[key], before[key])]
    assert len(changed) == 1
    tensor = tensors[names[changed[0]]]
    array = values[changed[0]].astype(before[changed[0]].dtype)
    if changed == ["input_zero_point"]:  # read otherwise than it was written
        wrong = numpy_helper.from_array(array, "wrong_zero_point")
        model.graph.initializer.append(wrong)
        for node in model.graph.node:
            if node.op_type == "DequantizeLinear" and node.input[2] == tensor.name:
                node.input[2] = wrong.name
    else:
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.save(model, path)
    return path


def test_the_honest_file_keeps_the_budget(honest, tmp_path):
    found = pytest_run(tmp_path / "record", TESTS, *INT8, f"--model={honest}", *BUDGET)
    assert found.code == 0, found.output[-3000:]
    assert set(found.outcomes().values()) == {"PASS"}


@pytest.mark.parametrize("fault", [wrong_scale, wrong_zero_point, swapped_channels])
def test_a_file_with_a_fault_breaks_it(fault, honest, tmp_path):
    file = with_fault(honest, tmp_path / "x.onnx", fault)
    found = pytest_run(tmp_path / "record", TESTS, *WITHIN, *INT8, f"--model={file}", *BUDGET)
    assert found.code == 1, found.output[-3000:]
    assert "budget -3" in found.reasons("test_ap_lies_within_the_budget")


def test_without_a_budget_nothing_is_green(honest, tmp_path):
    found = pytest_run(tmp_path / "record", TESTS, *WITHIN, *INT8, f"--model={honest}")
    assert found.code == 10, found.output[-3000:]
    assert set(found.outcomes().values()) == {"INCONCLUSIVE"}
    assert "add --budget-ap EASY,MEDIUM,HARD" in found.reasons()


def test_float_suites_leave_int8_out_in_words(honest, tmp_path):
    found = pytest_run(
        tmp_path / "record",
        f"{SUITES}/test_layer_drift.py",
        f"{SUITES}/test_placement.py",
        *INT8,
        f"--model={honest}",
    )
    assert found.code == 0, found.output[-3000:]
    skips = {test["reason"] for test in found.record["tests"] if test["verdict"] == "SKIPPED"}
    assert len(skips) == 1
    assert "computes in INT8, which is held to budgets, not to a rounding floor" in skips.pop()
