import sys

import numpy as np
import pytest

from retinaface.errors import ManifestError
from retinaface.network.weights import WeightsChoice, embedded_weights
from retinaface.suite.reference_choice import choose_reference
from tests.support.made.manifests import write_manifest_of

EMBEDDED = embedded_weights()
OTHER = WeightsChoice("other.pth", "other.pth", "b" * 64)
with_torch = pytest.mark.needs("torch", "onnx", "onnxsim")


def choose(model, weights=EMBEDDED, *, is_named=False):
    return choose_reference([model], [model], weights, is_named=is_named)


@pytest.fixture(scope="module")
def exports():
    from retinaface.export.cache import cached_export

    return {p: cached_export("embedded", precision=p, dynamic_size=False) for p in ("fp32", "fp16")}


@pytest.fixture
def changed(exports, tmp_path):
    """Write the FP32 export with other kernels, without its manifest: `changed(which, how)`."""
    import onnx
    from onnx import numpy_helper

    def write(indices, change):
        model = onnx.load(exports["fp32"])
        kernels = [t for t in model.graph.initializer if len(t.dims) == 4]
        for tensor in [kernels[i] for i in indices(len(kernels))]:
            array = change(numpy_helper.to_array(tensor)).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        onnx.save(model, tmp_path / "a.onnx")
        return tmp_path / "a.onnx"

    return write


def noise(kernel):
    return kernel * np.random.default_rng(0).uniform(0.5, 1.5, kernel.shape)


def test_named_weights_count_whatever_a_file_holds(tmp_path):
    found = choose(tmp_path / "a.onnx", OTHER, is_named=True)
    assert (found.weights, found.file, found.model, found.note) == (OTHER, None, None, "")
    assert choose_reference([], [], EMBEDDED, is_named=False).weights == EMBEDDED


@with_torch
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_file_without_a_manifest_is_known_by_its_weights(exports, tmp_path, precision):
    model = tmp_path / "a.onnx"
    model.write_bytes(exports[precision].read_bytes())
    assert choose(model) == choose(exports[precision])
    assert choose(model).weights == EMBEDDED
    assert choose(model).note == ""


@with_torch
def test_a_changed_layer_is_a_fault_and_not_another_training(changed):
    found = choose(changed(lambda n: [n // 2], lambda kernel: 1.05 * kernel))
    assert found.weights == EMBEDDED
    assert "1 of 56 convolutions of a.onnx differ from embedded, by up to 0.05" in found.note


@with_torch
def test_another_training_is_compared_with_what_was_stored_beside_it_else_with_itself(changed):
    model = changed(range, noise)
    found = choose(model)
    assert (found.weights, found.file, found.model) == (None, None, model)
    assert "a.onnx is compared with its own outputs in float64" in found.note
    assert "the fidelity of the export is not judged" in found.note
    stored = model.with_name("a.reference.npz")
    stored.touch()
    found = choose(model)
    assert (found.weights, found.file, found.model) == (None, stored, None)


def test_without_torch_a_stored_reference_serves_and_the_manifest_knows_the_weights(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch", None)
    model, stored = tmp_path / "a.onnx", tmp_path / "a.reference.npz"
    model.write_bytes(b"x")
    stored.touch()
    assert (choose(model).weights, choose(model).file) == (None, stored)
    assert "a.reference.npz is taken by its name alone, since no manifest" in choose(model).note
    write_manifest_of(model, weights=EMBEDDED.sha256)
    assert (choose(model).weights, choose(model).file) == (EMBEDDED, stored)
    assert choose(model).note == ""
    stored.write_bytes(b"of another file")
    with pytest.raises(ManifestError, match=r"a\.reference\.npz is not the reference of the mani"):
        choose(model)
    stored.unlink()
    assert choose(model).model == model
    assert "since torch is not here" in choose(model).note
