import subprocess
import sys

import numpy as np
import pytest

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineFault
from retinaface.network.outputs import RawOutputs
from retinaface.network.scenes import synthetic_inputs
from tests.support.made.layers import layer_drifts

pytestmark = pytest.mark.needs("torch")

# A different order of float32 sums, or FP16 accumulators: a few times torch's own error.
NOISE_FACTOR = 8
IMAGES = synthetic_inputs(1, 7, 96, 128)  # small: float64 takes its time


@pytest.fixture(scope="module")
def model():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded").model


class Torch(Engine):
    """Shows what torch gives, changed by a function from tensors to tensors."""

    def __init__(self, model, change=lambda tensors: tensors):
        super().__init__(EngineSpec("fake", "fp32", "cpu", height_px=None, width_px=None))
        self.model, self.change = model, change

    def _run(self, images):
        found = self._run_intermediates(images, ())
        return RawOutputs(found["loc"], found["conf"], found["landmarks"])

    def _run_intermediates(self, images, names):
        from retinaface.network.model import fold_batch_norms
        from retinaface.reference.layers_from_torch import activations, match_modules

        shown = activations(fold_batch_norms(self.model), images)
        tensors = {m.layer: m.tensor for m in match_modules(self.model)}
        return self.change({tensors.get(name, name): array for name, array in shown.items()})

    def describe(self):
        return {}


def test_importing_it_needs_no_torch():
    code = "import sys, retinaface.checks.layers; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("size", [(320, 320), (107, 160)], ids=["320x320", "107x160"])
def test_torch_does_not_drift(model, precision, size):
    with open_engine(f"torch-cpu-{precision}", weights="embedded", input_size_px=size) as engine:
        drifts = layer_drifts(model, engine, None, synthetic_inputs(2, 7, *size))
    assert len(drifts) == 56
    assert [d for d in drifts if d.exceeds(NOISE_FACTOR)] == []


def test_the_noise_floor_is_that_of_the_precision(model):
    engine = Torch(model)
    fp32 = layer_drifts(model, engine, None, IMAGES)
    fp16 = layer_drifts(model, engine, None, IMAGES, precision="fp16")
    for one, other in zip(fp32, fp16, strict=True):
        assert one.layer == other.layer
        assert one.max_abs == other.max_abs
        assert 0 < 100 * one.noise_floor < other.noise_floor < np.inf


def test_constant_images_have_a_noise_floor(model):
    """Where float32 happens to be exact, half a unit in the last place is left."""
    for drift in layer_drifts(model, Torch(model), None, np.zeros_like(IMAGES)):
        assert drift.noise_floor > 0
        assert not drift.exceeds(NOISE_FACTOR)


def test_a_layer_that_drifts_is_measured(model):
    def change(tensors):
        wrong = tensors["fpn.merge2.1"].copy()
        wrong[0, 3, 2, 1] += 0.25
        return tensors | {"fpn.merge2.1": wrong}

    drifts = layer_drifts(model, Torch(model, change), None, IMAGES)
    assert [d.layer for d in drifts if d.exceeds(NOISE_FACTOR)] == ["fpn.merge2.0"]
    drift = next(d for d in drifts if d.layer == "fpn.merge2.0")
    assert (drift.tensor, drift.max_abs) == ("fpn.merge2.1", pytest.approx(0.25, abs=1e-4))
    assert str(drift).startswith("max error 0.25, ")


def test_nan_is_drift(model):
    def change(tensors):
        return tensors | {"fpn.merge2.1": tensors["fpn.merge2.1"] * np.nan}

    drifts = layer_drifts(model, Torch(model, change), None, IMAGES)
    assert [d.layer for d in drifts if d.exceeds(1e9)] == ["fpn.merge2.0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("fpn.merge1.1") is None or t, "got nothing"),
        (lambda t: t | {"fpn.merge1.1": t["loc"]}, r"got \(1, 504, 4\)"),
    ],
    ids=["missing", "shape"],
)
def test_tensors_that_nobody_asked_for_are_a_fault(model, change, message):
    expected = r"tensor fpn\.merge1\.1 of fpn\.merge1\.0 should be \(1, 64, 12, 16\), "
    with pytest.raises(EngineFault, match=expected + message):
        layer_drifts(model, Torch(model, change), None, IMAGES)


def test_a_precision_that_overflows_has_no_noise_floor(model):
    import copy

    large = copy.deepcopy(model)
    norm = large.fpn.output3[1]
    norm.weight.data *= 1e5
    norm.bias.data *= 1e5
    drifts = layer_drifts(large, Torch(large), None, IMAGES, precision="fp16")
    floors = {d.layer: d.noise_floor for d in drifts}
    assert floors["body.stage3.1.3"] < np.inf
    assert floors["fpn.output3.0"] == floors["fpn.merge2.0"] == np.inf
    assert not any(d.exceeds(NOISE_FACTOR) for d in drifts)
