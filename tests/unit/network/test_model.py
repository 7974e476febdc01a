import pytest

pytestmark = pytest.mark.needs("torch")


@pytest.fixture(scope="module")
def model():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded").model


def test_the_network_has_the_300_tensors_of_the_published_checkpoint(model):
    from torch import nn

    assert len(model.state_dict()) == 300
    assert sum(isinstance(m, nn.Conv2d) for m in model.modules()) == 56
    activations = [m for m in model.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU)]
    assert {type(a) for a in activations} == {nn.ReLU}


@pytest.mark.parametrize("size", [(320, 320), (213, 320), (33, 1)])
def test_outputs_have_one_row_for_each_prior(model, size):
    import torch

    from retinaface.network.priors import prior_boxes

    n = len(prior_boxes(*size))
    with torch.no_grad():
        loc, conf, landmarks = model(torch.zeros(2, 3, *size))
    assert loc.shape == (2, n, 4)
    assert conf.shape == (2, n, 2)
    assert landmarks.shape == (2, n, 10)
    torch.testing.assert_close(conf.sum(dim=-1), torch.ones(2, n))


def test_heads_are_unfolded_in_the_order_of_the_priors(model):
    """Shifting the image by one stride-32 cell shifts the coarsest level's rows by one cell."""
    import torch

    from retinaface.network.scenes import synthetic_inputs

    image = torch.from_numpy(synthetic_inputs(1, 3, 640, 640))
    with torch.no_grad():
        here = model(image[:, :, :, :608])[1][0, :, 1]
        there = model(image[:, :, :, 32:])[1][0, :, 1]
    coarse = 2 * 20 * 19  # priors of the stride-32 level of 640 x 608
    a = here[-coarse:].reshape(20, 19, 2)[8:12, 9:12]
    b = there[-coarse:].reshape(20, 19, 2)[8:12, 8:11]
    torch.testing.assert_close(a, b, atol=2e-3, rtol=0)


def test_folding_keeps_the_outputs_and_leaves_the_model_alone(model):
    import torch
    from torch import nn

    from retinaface.network.model import fold_batch_norms
    from retinaface.network.scenes import synthetic_inputs

    image = torch.from_numpy(synthetic_inputs(1, 3))
    folded = fold_batch_norms(model)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    with torch.no_grad():
        for one, other in zip(model(image), folded(image), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_the_fp16_trap_is_there_and_folding_avoids_it(model):
    import copy

    import torch

    from retinaface.network.model import fold_batch_norms
    from retinaface.network.scenes import synthetic_inputs

    image = torch.from_numpy(synthetic_inputs(1, 3))
    with torch.no_grad():
        exact = model(image)[1]
        folded = fold_batch_norms(model).half()(image.half())[1].float()
        unfolded = copy.deepcopy(model).half()(image.half())[1].float()
    assert (folded - exact).abs().max() < 0.03
    assert (unfolded - exact).abs().max() > 0.05
