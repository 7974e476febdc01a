"""Files of other exporters get the verdict of this project's own export of the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.foreign_files import edit, renamed, without_softmax
from tests.support.runs import SUITES, pytest_run

pytestmark = [
    pytest.mark.accuracy,
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
]
VENDOR = ("input", "output", "607", "606")
UPSTREAM = ("input0", "output0", "586", "585")
JUDGED = (
    f"{SUITES}/test_export_fidelity.py",
    f"{SUITES}/test_widerface_ap.py",
    "--engine=ort-cpu-fp32",
    "--pipeline=igie",
    "--widerface=embedded",
    "-k",
    "b3-noise or holds_what or ap_is_that_of_the_baseline",
)


@pytest.fixture(scope="module")
def export():
    from retinaface.export.cache import cached_export

    return cached_export("embedded", precision="fp32", dynamic_size=False)


def judge(tmp_path, model, *words):
    return pytest_run(tmp_path / "record", *JUDGED, f"--model={model}", *words)


@pytest.mark.parametrize(
    ("names", "has_softmax"), [(VENDOR, True), (UPSTREAM, False)], ids=["vendor", "upstream-logits"]
)
def test_names_and_softmax_change_no_verdict(export, tmp_path, names, has_softmax):
    model = edit(export, renamed(*names), tmp_path / "FaceDetector.onnx")
    if not has_softmax:
        edit(model, without_softmax)
    run = judge(tmp_path, model, *([] if has_softmax else ["--scores=logits"]))
    assert (run.code, run.verdict) == (0, "PASS"), run.output[-3000:]
    assert set(run.outcomes("").values()) == {"PASS"}
    assert len(run.outcomes("")) == 4
    notes = run.record["target"]["model_notes"]
    assert f"FaceDetector.onnx: input and outputs are told by shape: loc is {names[1]}" in notes[0]
    assert ("softmax by --scores logits" in run.output) is not has_softmax


def test_a_damaged_layer_of_a_foreign_file_is_a_fault_and_is_named(export, tmp_path):
    from onnx import numpy_helper

    def damage(graph):
        tensor = [t for t in graph.initializer if len(t.dims) == 4][20]
        array = 1.02 * numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32), tensor.name))

    model = edit(export, renamed(*VENDOR), tmp_path / "a.onnx")
    edit(model, damage)
    run = judge(tmp_path, model)
    assert (run.code, run.verdict) == (1, "FAIL")
    assert "its weights in the file differ by 2.0 %" in run.reasons()
