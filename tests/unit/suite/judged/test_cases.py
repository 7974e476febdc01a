import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.errors import DatasetError
from retinaface.network.config import MOBILENET_025, OUTPUT_NAMES
from retinaface.reference.inputs import KINDS, REAL
from retinaface.reference.stored import ReferenceCase, StoredExtras, save_reference
from retinaface.suite.judged.cases import FULL, Cases, missing_reference
from retinaface.suite.reference_choice import ReferenceChoice, stored_reference
from retinaface.suite.target import Target
from tests.support.made.manifests import write_manifest_of

MEAN = np.reshape(MOBILENET_025.mean_bgr, (3, 1, 1))


def outputs(images):
    """Make outputs that tell images apart: the mean of each image in every output."""
    means = images.mean(axis=(1, 2, 3), dtype=np.float64).reshape(-1, 1, 1)
    widths = dict(zip(OUTPUT_NAMES, (4, 2, 10), strict=True))
    return {name: np.tile(means, (1, 1, width)) for name, width in widths.items()}


def reference(name, images):
    exact = outputs(images)
    rounded = {name: array.astype(np.float32) for name, array in exact.items()}
    return ReferenceCase(name, images, exact, rounded, rounded)


def summed(images):
    """Make outputs that differ from the exact ones by a half."""
    return {name: (array + 0.5).astype(np.float32) for name, array in outputs(images).items()}


def photographs(n):
    return np.arange(n, dtype=np.float32)[:, None, None, None] + np.zeros((3, 320, 320), np.float32)


def judging(*models):
    """Make the target of a run that judges files, with what stands beside them as reference."""
    return Target(models=models, reference=ReferenceChoice(file=stored_reference(models)))


@pytest.fixture
def with_torch(monkeypatch):
    """Stand in for torch, and collect the inputs that ran through it."""
    ran = []

    def torch_reference(_model, inputs):
        ran.extend(inputs)
        return [reference(name, images) for name, images in inputs.items()]

    def outputs_with_rounded_sums(_model, images, floor):
        ran.append(f"{floor} of {len(images)}")
        return summed(images)

    module = SimpleNamespace(
        torch_reference=torch_reference, outputs_with_rounded_sums=outputs_with_rounded_sums
    )
    monkeypatch.setitem(sys.modules, "retinaface.reference.from_torch", module)
    monkeypatch.setattr(Cases, "model", None)
    return ran


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "retinaface.reference.from_torch", raising=False)


def test_a_kind_is_run_once_and_repeated_in_turn(with_torch):
    cases = Cases(Target(), photographs)
    three = cases.get("constant", 3)
    n = 8
    many = cases.get("constant", 2 * n + 1)
    assert with_torch == ["constant"]
    assert (three.name, len(three.images), len(many.images)) == ("constant", 3, 2 * n + 1)
    np.testing.assert_array_equal(many.images[:3], three.images)
    np.testing.assert_array_equal(many.images[n : 2 * n], many.images[:n])
    assert len({image.tobytes() for image in many.images}) == n
    for name, array in outputs(many.images).items():
        np.testing.assert_array_equal(many.exact[name], array)


def test_photographs_are_asked_for_once_and_not_all_for_few(with_torch):
    asked = []

    def real_images(n):
        asked.append(n)
        return photographs(n)

    cases = Cases(Target(), real_images)
    assert cases.get(REAL, 3).images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert len(cases.get(REAL, 40).images) == 40
    assert asked == [32]


@pytest.fixture
def exported(tmp_path):
    """Write a file with its reference: three kinds, and one of another size."""
    kinds = {"scene": 1.0, "noise": 2.0, "constant": 3.0}
    stored = [
        reference(kind, np.full((1, 3, 320, 320), value, np.float32))
        for kind, value in kinds.items()
    ]
    other = reference("scene-213x320", np.full((1, 3, 213, 320), 4, np.float32))
    save_reference(tmp_path / "a.reference.npz", [other, *stored])
    return tmp_path / "a.onnx"


@pytest.mark.parametrize(
    ("kind", "values"), [("scene", [1, 2, 3]), ("noise", [2, 3, 1]), ("constant", [3, 1, 2])]
)
def test_without_torch_a_reference_file_serves(without_torch, exported, kind, values):
    """The other kinds follow: exchanged rows would not show in a batch of one image repeated."""
    case = Cases(judging(exported), photographs).get(kind, 4)
    assert case.images[:, 0, 0, 0].tolist() == [*values, values[0]]
    np.testing.assert_array_equal(case.exact["loc"], outputs(case.images)["loc"])
    assert case.name == kind


def test_without_torch_a_small_reference_names_the_command_for_a_full_one(without_torch, exported):
    target = judging(exported)
    with pytest.raises(DatasetError, match=r"is a small one, .*retinaface export --reference full"):
        Cases(target, photographs).get(REAL, 1)
    for need in (REAL, FULL):
        assert "--reference full" in missing_reference(target, need)
    assert missing_reference(target, "scene") is None


def test_without_torch_a_full_reference_serves_photographs_and_extras(without_torch, tmp_path):
    extras = StoredExtras(outputs(photographs(2)), outputs(photographs(1)), {"body.stage1": 2.5})
    stored = [
        replace(reference(kind, photographs(2)), extras=extras) for kind in (REAL, "scene", "noise")
    ]
    save_reference(tmp_path / "a.reference.npz", stored)
    target = judging(tmp_path / "a.onnx")
    cases = Cases(target, photographs)
    assert cases.get("noise", 3).images[:, 0, 0, 0].tolist() == [0, 1, 0]  # of its own kind alone
    assert cases.extras(REAL).ranges == {"body.stage1": 2.5}
    assert [missing_reference(target, need) for need in (REAL, FULL, "scene")] == [None] * 3


def test_an_fp16_file_shares_the_reference_of_its_fp32_file(exported, tmp_path):
    assert stored_reference([tmp_path / "a.fp16.onnx"]) == tmp_path / "a.reference.npz"


def test_without_torch_and_file_the_way_out_is_named(without_torch, tmp_path):
    target = judging(tmp_path / "b.onnx")
    with pytest.raises(DatasetError, match="no reference file stands beside --model; install .*"):
        Cases(target, photographs).get("scene", 1)
    assert "give --model FILE.onnx with FILE.reference.npz" in missing_reference(target, "scene")


def test_with_torch_nothing_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())
    assert [missing_reference(Target(), kind) for kind in KINDS] == [None] * len(KINDS)


def test_the_first_reference_that_stands_beside_a_model_is_taken(exported, tmp_path):
    assert stored_reference([]) is None
    assert stored_reference([tmp_path / "b.onnx"]) is None
    assert stored_reference([tmp_path / "b.onnx", exported]) == tmp_path / "a.reference.npz"


def test_a_file_that_is_its_own_reference_runs_in_float64(monkeypatch, tmp_path):
    asked = []

    def own(model, name, images, scores):
        asked.append((model, name, scores))
        return reference(name, images)

    module = SimpleNamespace(own_outputs=own)
    monkeypatch.setitem(sys.modules, "retinaface.export.foreign.own_outputs", module)
    model = tmp_path / "copy.onnx"
    target = Target(models=(model,), reference=ReferenceChoice(model=model), scores="logits")
    cases = Cases(target, photographs)
    assert len(cases.get("constant", 2).images) == 2
    assert len(cases.of_inputs(photographs(3)).images) == 3
    assert asked == [(model, "constant", "logits"), (model, "scored", "logits")]
    assert missing_reference(target, REAL) is None
    assert "copy.onnx is compared with its own outputs" in missing_reference(target, FULL)


def test_a_reference_of_another_size_is_a_dataset_error(without_torch, tmp_path):
    save_reference(
        tmp_path / "a.reference.npz", [reference("scene", np.zeros((1, 3, 640, 640), np.float32))]
    )
    target = judging(tmp_path / "a.onnx")
    with pytest.raises(DatasetError):
        Cases(target, photographs).get("scene", 1)


def test_which_tensor_is_which_layer_is_read_from_the_manifest(tmp_path, without_torch):
    model = tmp_path / "m.onnx"
    model.write_bytes(b"graph")
    write_manifest_of(model, layers={"stem": "/stem/Conv_output_0"})
    (match,) = Cases(Target(), photographs).layer_matches(model)
    assert (match.layer, match.tensor) == ("stem", "/stem/Conv_output_0")


def test_without_manifest_and_torch_layers_cannot_be_matched(tmp_path, without_torch, monkeypatch):
    monkeypatch.delitem(sys.modules, "retinaface.reference.layers_from_torch", raising=False)
    model = tmp_path / "m.onnx"
    model.write_bytes(b"graph")
    with pytest.raises(DatasetError, match=r"no manifest .* torch, .* export again"):
        Cases(Target(), photographs).layer_matches(model)


SUMS, WIDE = "ncnn-vulkan-fp16", "ncnn-cpu-fp16"


def test_the_catalogue_says_which_noise_floor_an_engine_is_held_to(with_torch):
    cases = Cases(Target(), photographs)
    for engine in (WIDE, "ort-cpu-fp16", "ncnn-vulkan-fp32"):
        case = cases.judging(engine, "constant", 2)
        assert case.floor("fp16") == "fp16"
        assert case.rounded("fp16")["loc"] is not case.exact["loc"]
        np.testing.assert_allclose(case.rounded("fp16")["loc"], case.exact["loc"], rtol=1e-6)
    case = cases.judging(SUMS, "constant", 2)
    assert (case.floor("fp16"), case.floor("fp32")) == ("fp16-blocks", "fp32")
    np.testing.assert_array_equal(case.rounded("fp16")["loc"], summed(case.images)["loc"])


@pytest.mark.parametrize(
    "name",
    ["acme:ncnn_vulkan_fp16", "retinaface.engines.ncnn.vulkan:NcnnVulkanEngine"],
)
def test_an_engine_of_a_third_party_is_held_to_the_stricter_floor(with_torch, name):
    """Whatever it calls itself, and whichever class it names."""
    case = Cases(Target(), photographs).judging(name, "constant", 1)
    assert case.floor("fp16") == "fp16"
    assert with_torch == ["constant"]


def test_sums_of_an_image_are_emulated_once_and_not_before_they_are_asked_for(with_torch):
    cases = Cases(Target(), photographs)
    for n in (1, 3, 2, 40):
        case = cases.judging(SUMS, "constant", n)
        np.testing.assert_array_equal(case.float16["conf"], summed(case.images)["conf"])
    assert with_torch == ["constant", "fp16-blocks of 1", "fp16-blocks of 2", "fp16-blocks of 5"]


def test_inputs_of_the_run_are_held_to_the_same_floor(with_torch):
    cases = Cases(Target(), photographs)
    case = cases.of_inputs(photographs(2))
    assert cases.held_to(WIDE, case) is case
    held = cases.held_to(SUMS, case)
    assert held.floor("fp16") == "fp16-blocks"
    np.testing.assert_array_equal(held.float16["loc"], summed(case.images)["loc"])


def test_without_torch_stored_sums_serve(without_torch, tmp_path):
    images = photographs(2)
    stored = [
        replace(reference(k, images), sums={"fp16-blocks": summed(images)})
        for k in ("scene", "noise")
    ]
    save_reference(tmp_path / "a.reference.npz", stored)
    case = Cases(judging(tmp_path / "a.onnx"), photographs).judging(SUMS, "noise", 5)
    assert case.floor("fp16") == "fp16-blocks"
    np.testing.assert_array_equal(case.float16["loc"], summed(case.images)["loc"])


def test_a_reference_file_without_sums_names_the_command_that_makes_them(without_torch, exported):
    cases = Cases(judging(exported), photographs)
    match = (
        r"^ncnn-vulkan-fp16 rounds sums to FP16, and .*a\.reference\.npz does not hold .*: "
        r"retinaface export --output FILE\.onnx --with-fp16 --with-fp16-sums$"
    )
    with pytest.raises(DatasetError, match=match):
        cases.judging(SUMS, "scene", 1)
    assert cases.judging(WIDE, "scene", 1).floor("fp16") == "fp16"


def test_a_file_that_is_its_own_reference_has_no_emulation_of_sums(monkeypatch, tmp_path):
    module = SimpleNamespace(own_outputs=lambda _m, name, images, _s: reference(name, images))
    monkeypatch.setitem(sys.modules, "retinaface.export.foreign.own_outputs", module)
    model = tmp_path / "copy.onnx"
    cases = Cases(Target(models=(model,), reference=ReferenceChoice(model=model)), photographs)
    with pytest.raises(DatasetError, match=r"copy\.onnx is compared .*; give its checkpoint with"):
        cases.judging(SUMS, "constant", 1)
