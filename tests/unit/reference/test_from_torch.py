import copy

import numpy as np
import pytest

from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.priors import prior_boxes

pytestmark = pytest.mark.needs("torch")
SIZE = (40, 32)


def inputs(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-117, 138, (n, 3, *SIZE)).astype(np.float32)


def run(network, images):
    import torch

    with torch.no_grad():
        dtype = next(network.parameters()).dtype
        outputs = network(torch.from_numpy(images).to(dtype))
    return dict(zip(OUTPUT_NAMES, (output.numpy() for output in outputs), strict=True))


@pytest.fixture(scope="module")
def cases(model):
    from retinaface.reference.from_torch import torch_reference

    return torch_reference(model, {"many": inputs(9), "one": inputs(1, 7)})


def test_each_input_gives_a_case(cases):
    n_priors = len(prior_boxes(*SIZE))
    assert [case.name for case in cases] == ["many", "one"]
    for case, n, seed in zip(cases, (9, 1), (0, 7), strict=True):
        np.testing.assert_array_equal(case.images, inputs(n, seed))
        for outputs, dtype in (
            (case.exact, np.float64),
            (case.float32, np.float32),
            (case.float16, np.float32),
        ):
            shapes = {name: array.shape for name, array in outputs.items()}
            assert shapes == {
                "loc": (n, n_priors, 4),
                "conf": (n, n_priors, 2),
                "landmarks": (n, n_priors, 10),
            }
            assert {array.dtype for array in outputs.values()} == {np.dtype(dtype)}


def test_exact_is_float64_torch_image_by_image(cases, model):
    """Nine images are more than one chunk."""
    double = copy.deepcopy(model).double()
    for i in (0, 7, 8):
        for name, array in run(double, inputs(9)[i : i + 1]).items():
            # Another batch size may sum in another order.
            np.testing.assert_allclose(cases[0].exact[name][i], array[0], rtol=1e-11, atol=1e-12)


def test_float32_is_the_worse_of_batch_norms_folded_and_not(cases, model):
    from retinaface.network.model import fold_batch_norms

    both = [run(network, inputs(1, 7)) for network in (model, fold_batch_norms(model))]
    for name, exact in cases[1].exact.items():
        errors = [np.abs(outputs[name] - exact) for outputs in both]
        assert (errors[0] != errors[1]).any()
        np.testing.assert_array_equal(np.abs(cases[1].float32[name] - exact), np.maximum(*errors))


def test_float16_is_the_rounded_network(cases, model):
    from retinaface.reference.rounding import rounded_model

    for name, array in run(rounded_model(model), inputs(1, 7)).items():
        np.testing.assert_array_equal(cases[1].float16[name], array)


def test_the_model_stays_float32(model):
    from retinaface.reference.from_torch import torch_reference

    torch_reference(model, {"one": inputs(1)})
    assert {str(p.dtype) for p in model.parameters()} == {"torch.float32"}
    assert not model.training
