import sys

import numpy as np
import pytest

from retinaface.engines.base import Engine
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.network.outputs import RawOutputs
from retinaface.network.scenes import synthetic_inputs
from tests.support.made.onnx_models import edited

pytestmark = pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")

IMAGES = synthetic_inputs(1, 7, 96, 128)  # small: float64 takes its time
LAYER = "body.stage2.1.3"


@pytest.fixture(scope="module")
def loaded():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded")


@pytest.fixture(scope="module")
def file(loaded, tmp_path_factory):
    """An intact export of free size."""
    from retinaface.export.exporter import export
    from retinaface.export.options import ExportOptions

    path = tmp_path_factory.mktemp("intact") / "intact.onnx"
    export(loaded, ExportOptions(dynamic_size=True), path)
    return path


def scale_kernel(tensor, factor):
    """Scale the kernel of the convolution that gives a tensor."""
    from onnx import numpy_helper

    def edit(graph):
        conv = next(n for n in graph.node if n.output[0] == tensor)
        kernel = next(t for t in graph.initializer if t.name == conv.input[1])
        array = numpy_helper.to_array(kernel) * np.float32(factor)
        kernel.CopyFrom(numpy_helper.from_array(array, kernel.name))

    return edit


@pytest.fixture(scope="module")
def perturbed(loaded, file, tmp_path_factory):
    """A file in which the kernel of LAYER differs by 1 %."""
    from retinaface.export.layer_match import match_convolutions

    matches = {m.layer: m for m in match_convolutions(loaded.model, file)}
    path = tmp_path_factory.mktemp("perturbed") / "perturbed.onnx"
    return edited(file, path, scale_kernel(matches[LAYER].tensor, 1.01))


def open_ort(path, **options):
    return open_engine("ort-cpu-fp32", model=path, max_batch=1, input_size_px=None, **options)


def wrong_scores(tensors):
    return tensors | {"conf": tensors["conf"] + np.float32(0.01)}


class Altered(Engine):
    """ONNX Runtime whose tensors a function changes, alone or when all are shown."""

    def __init__(self, inner, alone=None, shown=None):
        super().__init__(inner.spec)
        self.inner, self.alone, self.shown = inner, alone, shown

    def _run(self, images):
        outputs = dict(zip(("loc", "conf", "landmarks"), self.inner._run(images), strict=True))
        return RawOutputs(*(self.alone(outputs) if self.alone else outputs).values())

    def _run_intermediates(self, images, names):
        found = self.inner._run_intermediates(images, names)
        return self.shown(found) if self.shown else found

    def describe(self):
        return {}

    def close(self):
        self.inner.close()
        super().close()


class Mute(Altered):
    """Shows no intermediates."""

    def _run_intermediates(self, images, names):
        return Engine._run_intermediates(self, images, names)


def explain(loaded, engine, file, **options):
    from retinaface.checks.layer_search import explain_drift

    with engine:
        return explain_drift(loaded.model, engine, file, IMAGES, **options)


def test_an_engine_that_does_not_drift_is_reported_as_such(loaded, file):
    lines = explain(loaded, open_ort(file), file, reopen=pytest.fail).splitlines()
    assert lines == [
        "no output exceeds 8 x its noise floor here",
        "neither a layer nor an output drifts when every layer is shown as an output",
    ]


def test_a_layer_with_different_weights_is_named(loaded, perturbed):
    lines = explain(loaded, open_ort(perturbed), perturbed, reopen=pytest.fail).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(
        f"the first layer that drifts is {LAYER}, convolution 15 of 56 "
        "(tensor /body/stage2/stage2.1/stage2.1.3/Conv_output_0): max error 0.0"
    )
    assert lines[0].endswith("(limit 8 x)")
    assert lines[1] == "its weights in the file differ by 1.0 %"


def test_further_layers_with_different_weights_are_counted(loaded, perturbed, tmp_path):
    path = edited(
        perturbed, tmp_path / "x.onnx", scale_kernel("/fpn/merge1/merge1.0/Conv_output_0", 1.5)
    )
    text = explain(loaded, open_ort(path), path)
    assert text.endswith("differ by 1.0 %, and so do those of further layers (1)")


def test_a_layer_with_equal_weights_is_computed_differently(loaded, file, tmp_path):
    """The same weights behind a different activation, as in the better-known sibling."""
    from onnx import helper

    def leak(graph):
        relu = next(n for n in graph.node if n.op_type == "Relu" and "stage2.1.2" in n.name)
        relu.op_type = "LeakyRelu"
        relu.attribute.append(helper.make_attribute("alpha", 0.1))

    path = edited(file, tmp_path / "x.onnx", leak)
    lines = explain(loaded, open_ort(path), path, reopen=lambda o: open_ort(path, options=o))
    lines = lines.splitlines()
    assert f"the first layer that drifts is {LAYER}, " in lines[0]
    assert lines[1].startswith(
        "its weights agree, so the runtime computes it differently, or what "
    )
    assert lines[2].startswith("with fusions off loc drifts too (max error ")
    assert lines[2].endswith("): no fusion causes it")


def test_drift_after_the_last_convolution_is_distinguished_from_drift_of_a_layer(loaded, file):
    engine = Altered(open_ort(file), wrong_scores, wrong_scores)
    lines = explain(loaded, engine, file).splitlines()
    assert lines[0].startswith("no convolution drifts, but conf does (max error 0.01, ")
    assert lines[0].endswith("begins after the last convolution (softmax, concatenation, reshape)")
    assert lines[1:] == [
        "running with fusions off was not tried: the engine cannot be opened again"
    ]


def test_a_fusion_is_found_by_switching_fusions_off(loaded, file):
    asked = []

    def reopen(options):
        asked.append(options)
        return open_ort(file, options=options)

    engine = Altered(open_ort(file), wrong_scores)
    lines = explain(loaded, engine, file, reopen=reopen).splitlines()
    assert asked == [{"fusions": "off"}]
    assert lines == [
        "neither a layer nor an output drifts when every layer is shown as an output",
        "the drift vanishes when every layer is shown as an output, which breaks fusions: a "
        "fusion causes it",
        "with fusions off the outputs agree: a fusion causes the drift",
    ]


def test_drift_that_stays_with_fusions_off_is_not_blamed_on_a_fusion(loaded, file):
    def reopen(options):
        return Altered(open_ort(file, options=options), wrong_scores)

    text = explain(loaded, Altered(open_ort(file), wrong_scores), file, reopen=reopen)
    assert "which breaks fusions, but with fusions off conf drifts too" in text
    assert "causes the drift" not in text
    assert text.endswith("): no fusion causes it")


def test_an_engine_that_cannot_be_opened_without_fusions_is_reported(loaded, file):
    def reopen(options):
        raise EngineUnavailable(f"fake takes no options, got {', '.join(options)}")

    text = explain(loaded, Altered(open_ort(file), wrong_scores), file, reopen=reopen)
    assert "shown as an output, which breaks fusions: a fusion causes it" in text
    assert text.endswith("running with fusions off failed: fake takes no options, got fusions")


@pytest.mark.parametrize("intact", [True, False], ids=["intact", "perturbed"])
def test_a_stand_in_distinguishes_a_drifting_file_from_a_drifting_engine(
    loaded, file, perturbed, intact
):
    path = file if intact else perturbed
    lines = explain(loaded, Mute(open_ort(path), wrong_scores), path).splitlines()
    assert lines[0].startswith("ort-cpu-fp32 shows no intermediate tensors; on ort-cpu-fp32 the ")
    if intact:
        assert lines[0].endswith("the file does not drift, so only ort-cpu-fp32 does")
        assert lines[1:] == [
            "running with fusions off was not tried: the engine cannot be opened again"
        ]
    else:
        assert lines[0].endswith("the file itself drifts:")
        assert f"first layer that drifts is {LAYER}" in lines[1]
        assert lines[2:] == ["its weights in the file differ by 1.0 %"]


def test_a_missing_stand_in_is_reported(loaded, file, monkeypatch):
    from retinaface.checks import layer_search

    text = explain(loaded, Mute(open_ort(file), wrong_scores), None)
    assert "runs no file that ort-cpu-fp32 could run in its place" in text

    def fail(*_, **__):
        raise EngineUnavailable("onnxruntime cannot be imported")

    monkeypatch.setattr(layer_search, "open_engine", fail)
    text = explain(loaded, Mute(open_ort(file), wrong_scores), file)
    assert text.splitlines()[0] == (
        "ort-cpu-fp32 shows no intermediate tensors, and ort-cpu-fp32 cannot run the file in its "
        "place: onnxruntime cannot be imported"
    )


CANNOT = "cannot find where the drift begins: "


def test_a_file_that_is_not_onnx_is_named_and_fusions_are_tried(loaded, file, tmp_path):
    (tmp_path / "plan.engine").write_bytes(b"plan")
    engine = Mute(open_ort(file), wrong_scores)
    lines = explain(loaded, engine, tmp_path / "plan.engine", reopen=lambda _: open_ort(file))
    lines = lines.splitlines()
    assert lines[0].startswith(f"{CANNOT}cannot match the layers of {tmp_path}/plan.engine: it ")
    assert lines[1:] == ["with fusions off the outputs agree: a fusion causes the drift"]


def test_the_error_of_an_engine_that_fails_is_reported(loaded, file):
    def fail(_):
        raise EngineFault("out of memory")

    text = explain(loaded, Altered(open_ort(file), fail), file)
    assert text == f"{CANNOT}out of memory"
    text = explain(loaded, Altered(open_ort(file), wrong_scores, fail), file)
    assert text.splitlines()[0] == f"{CANNOT}out of memory"


def test_a_missing_onnx_package_is_named(loaded, file, monkeypatch):
    engine = Altered(open_ort(file), wrong_scores)
    monkeypatch.setitem(sys.modules, "onnx", None)
    first = explain(loaded, engine, file).splitlines()[0]
    assert first.startswith(f"{CANNOT}cannot match the layers of ")
    assert first.endswith("onnx is not installed; pip install onnx")


def test_an_engine_without_a_file_is_explained_by_its_modules(loaded):
    import copy

    with open_engine("torch-cpu-fp32", weights="embedded", input_size_px=None) as engine:
        model = copy.deepcopy(loaded.model)
        model.get_submodule(LAYER).weight.data *= 1.01
        from retinaface.checks.layer_search import explain_drift

        lines = explain_drift(model, engine, None, IMAGES).splitlines()
    assert f"the first layer that drifts is {LAYER}, " in lines[0]
    assert lines[1] == "weights were not compared: the engine runs no file"


def test_fp16_overflow_is_reported_with_its_layer(loaded, tmp_path):
    import copy

    import torch

    from retinaface.checks.layer_search import explain_drift

    large = copy.deepcopy(loaded.model)
    norm = large.fpn.output3[1]
    norm.weight.data *= 1e5
    norm.bias.data *= 1e5
    torch.save(large.state_dict(), tmp_path / "large.pth")
    weights = str(tmp_path / "large.pth")
    with open_engine("torch-cpu-fp16", weights=weights, input_size_px=None) as engine:
        text = explain_drift(large, engine, None, IMAGES)
    assert "FP16 itself overflows from fpn.output3.0 on" in text
