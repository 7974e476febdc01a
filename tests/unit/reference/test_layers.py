"""A drifting or missing layer is named by comparison with a stored sample, without torch."""

import subprocess
import sys

import numpy as np
import pytest

from retinaface.checks.layers import sampled_drifts
from retinaface.engines.base import Engine, EngineSpec
from retinaface.errors import EngineFault
from retinaface.reference.layers import N_VALUES, LayerMatch, LayerValues, sample

LAYERS = {"stem": (8, 160, 160), "head": (4, 10, 10)}
MATCHES = [LayerMatch(name, f"{name}_output", 0.0) for name in LAYERS]
IMAGES = np.zeros((3, 3, 320, 320), np.float32)


def layers(seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((2, *shape)) for name, shape in LAYERS.items()}


class Shown(Engine):
    """Shows layers with a given error each."""

    def __init__(self, errors, hide=()):
        super().__init__(EngineSpec("shown-cpu-fp32", "fp32", "cpu"))
        self._errors, self._hide = errors, hide

    def _run(self, images):
        raise NotImplementedError

    def describe(self):
        return {}

    def _run_intermediates(self, images, names):
        assert len(images) == 2
        found = layers()
        return {
            f"{name}_output": found[name] + self._errors.get(name, 0.0)
            for name in found
            if name not in self._hide
        }


@pytest.fixture
def values():
    exact = np.stack([sample(layer) for layer in layers().values()])
    rounded = (exact + 1e-6).astype(np.float32)
    return LayerValues(tuple(LAYERS), exact, rounded, (exact + 1e-2).astype(np.float32))


def test_a_drifting_layer_is_found_by_its_error_over_its_noise_floor(values):
    drifts = sampled_drifts(Shown({"head": 1e-3}), MATCHES, IMAGES, values)
    assert [drift.layer for drift in drifts] == ["stem", "head"]
    assert [drift.exceeds(8) for drift in drifts] == [False, True]
    assert drifts[1].max_abs == pytest.approx(1e-3, rel=1e-3)
    assert set(drifts[1].as_json()) == {"layer", "tensor", "max_abs", "noise_floor"}


def test_a_nan_in_a_layer_is_drift(values):
    drifts = sampled_drifts(Shown({"stem": np.nan}), MATCHES, IMAGES, values)
    assert drifts[0].exceeds(8)


def test_a_missing_tensor_is_a_fault_that_names_it(values):
    with pytest.raises(EngineFault, match=r"tensor head_output of head should be .* got nothing"):
        sampled_drifts(Shown({}, hide=("head",)), MATCHES, IMAGES, values)


def test_the_sample_is_the_same_everywhere_and_spread_over_channels_and_places():
    places = sample(np.arange(8 * 160 * 160).reshape(1, 8, 160, 160))[0]
    assert places[:4].tolist() == [0, 22961, 45922, 68883]
    assert len(np.unique(places)) == N_VALUES
    channel, rest = np.divmod(places, 160 * 160)
    assert len(np.unique(channel)) == 8
    assert len(np.unique(rest // 160)) > 100
    assert len(np.unique(rest % 160)) > 100
    small = sample(np.arange(40).reshape(1, 40))
    assert set(small[0].tolist()) == set(range(40))


def test_it_needs_no_torch():
    code = "import sys, retinaface.reference.layers; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
