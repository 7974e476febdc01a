import numpy as np
import pytest

from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.scenes import synthetic_inputs

pytestmark = pytest.mark.needs("torch", "onnx", "onnxsim")
N = 2


@pytest.fixture(scope="module")
def images():
    return synthetic_inputs(N, 7, 64, 96)


@pytest.fixture(scope="module")
def exports():
    """Give the default exports of the embedded weights, of any input size."""
    from retinaface.export.cache import cached_export

    return {p: cached_export("embedded", precision=p, dynamic_size=True) for p in ("fp32", "fp16")}


@pytest.fixture(scope="module")
def torch_case(images):
    from retinaface.network.checkpoint import load_model
    from retinaface.reference.from_torch import torch_reference

    return torch_reference(load_model("embedded").model, {"scene": images})[0]


def own(file, images, scores="probabilities"):
    from retinaface.export.foreign.own_outputs import own_outputs

    return own_outputs(file, "scene", images, scores)


def rms(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


def test_a_files_own_outputs_are_those_of_its_checkpoint(exports, images, torch_case):
    case = own(exports["fp32"], images)
    assert case.name == "scene"
    for name in OUTPUT_NAMES:
        assert case.exact[name].dtype == np.float64
        # What is left is the folding of batch norms, which the exporter did in float32.
        np.testing.assert_allclose(case.exact[name], torch_case.exact[name], atol=1e-4)
        own_floor, floor = (rms(c.float16[name], c.exact[name]) for c in (case, torch_case))
        assert 0.5 < own_floor / floor < 2
        assert 0 < rms(case.float32[name], case.exact[name]) < own_floor / 100


def test_weights_of_an_fp16_file_are_exact_as_they_are(exports, images, torch_case):
    case = own(exports["fp16"], images)
    for name in OUTPUT_NAMES:
        assert case.exact[name].dtype == np.float64
        off, floor = (rms(case.exact[name], torch_case.exact[name]),
                      rms(torch_case.float16[name], torch_case.exact[name]))  # fmt: skip
        assert 0 < off < 3 * floor


def test_logits_become_probabilities(tmp_path, images):
    import onnx

    from retinaface.export.tiny_model import write_model

    write_model(tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    softmax.op_type = "Identity"
    del softmax.attribute[:]
    onnx.save(model, tmp_path / "a.onnx")
    case = own(tmp_path / "a.onnx", np.ones((1, 3, 320, 320), np.float32), "logits")
    for outputs in (case.exact, case.float32, case.float16):
        np.testing.assert_allclose(outputs["conf"], 0.5)


def test_a_fixed_batch_is_filled_up(tmp_path):
    from retinaface.export.tiny_model import write_model

    write_model(tmp_path / "a.onnx", batch=3)
    images = np.stack([np.full((3, 320, 320), value, np.float32) for value in (1, 2)])
    case = own(tmp_path / "a.onnx", images)
    np.testing.assert_allclose(case.exact["loc"][:, 0, 0], [0.01, 0.02], rtol=1e-6)
