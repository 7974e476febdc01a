import numpy as np
import pytest

from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.scenes import noise_inputs
from retinaface.reference.stored import N_UNFOLDED, load_reference, save_reference

pytestmark = pytest.mark.needs("torch")


@pytest.fixture(scope="module")
def case():
    from retinaface.network.checkpoint import load_model
    from retinaface.reference.from_torch import full_reference

    inputs = {"noise": noise_inputs(N_UNFOLDED + 1, 3, 64, 64)}
    return full_reference(load_model("embedded"), inputs)[0]


def test_each_kind_has_extras(case):
    assert {o: case.extras.emulated[o].shape for o in OUTPUT_NAMES} == {
        o: case.exact[o].shape for o in OUTPUT_NAMES
    }
    assert len(case.extras.unfolded["loc"]) == N_UNFOLDED
    assert len(case.extras.ranges) > 50
    assert all(np.isfinite(largest) and largest > 0 for largest in case.extras.ranges.values())


def test_the_emulator_is_near_the_exact_outputs_and_no_copy(case):
    errors = np.abs(case.extras.emulated["loc"] - case.exact["loc"]).max()
    assert 0 < errors < 0.05 * np.abs(case.exact["loc"]).max()


def test_extras_survive_a_file_in_every_bit(case, tmp_path):
    save_reference(tmp_path / "r.npz", [case])
    (read,) = load_reference(tmp_path / "r.npz")
    assert read.extras.ranges == case.extras.ranges
    for name in OUTPUT_NAMES:
        for kind in ("emulated", "unfolded"):
            ours, theirs = (getattr(c.extras, kind)[name] for c in (case, read))
            np.testing.assert_array_equal(ours, theirs)
            assert theirs.dtype == np.float32


def test_layers_survive_a_file_and_are_those_of_the_network(case, tmp_path):
    save_reference(tmp_path / "r.npz", [case])
    (read,) = load_reference(tmp_path / "r.npz")
    ours, theirs = case.extras.layers, read.extras.layers
    assert ours.layers == theirs.layers
    assert len(ours.layers) == 56
    for kind in ("exact", "float32", "float16"):
        np.testing.assert_array_equal(getattr(ours, kind), getattr(theirs, kind))
    assert ours.exact.shape[:2] == (56, 2)
    errors = [np.abs(getattr(ours, k) - ours.exact).max() for k in ("float32", "float16")]
    assert 0 < errors[0] < errors[1] / 100
