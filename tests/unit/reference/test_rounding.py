import pytest

from tests.support.made.noise import noise

pytestmark = pytest.mark.needs("torch")


@pytest.fixture(scope="module")
def image():
    return noise(1, 40)


def is_fp16(tensor):
    return bool((tensor == tensor.half().float()).all())


def run(network, image):
    import torch

    with torch.no_grad():
        return network(image)


def test_leaves_are_the_layers_that_compute(model):
    from torch import nn

    from retinaface.network.model import fold_batch_norms
    from retinaface.reference.rounding import leaves

    kinds = {type(layer) for layer in leaves(model).values()}
    assert kinds == {nn.Conv2d, nn.BatchNorm2d, nn.ReLU}
    found = leaves(fold_batch_norms(model))
    assert sum(isinstance(layer, nn.Conv2d) for layer in found.values()) == 56
    assert {type(layer) for layer in found.values()} == {nn.Conv2d, nn.ReLU}
    assert next(iter(found)) == "body.stage1.0.0"


def test_weights_and_values_between_layers_are_fp16(model, image):
    from retinaface.reference.rounding import leaves, rounded_model

    rounded = rounded_model(model)
    assert all(is_fp16(tensor) for tensor in rounded.parameters())
    seen = []
    for name, layer in leaves(rounded).items():
        layer.register_forward_hook(
            lambda _, inputs, output, name=name: seen.append(
                (name, *map(is_fp16, (*inputs, output)))
            )
        )
    outputs = run(rounded, image / 3)  # an image that FP16 does not hold
    assert len(seen) >= len(leaves(rounded))
    assert [entry for entry in seen if False in entry[1:]] == []
    assert all(is_fp16(output) and str(output.dtype) == "torch.float32" for output in outputs)


def test_the_error_is_that_of_fp16(model, image):
    import copy

    from retinaface.reference.rounding import rounded_model

    exact = run(copy.deepcopy(model).double(), image.double())
    for output, right in zip(run(rounded_model(model), image), exact, strict=True):
        size = right.abs().max()
        assert 2**-13 * size < (output - right).abs().max() < 2**-4 * size  # through 56 layers


def test_the_model_itself_is_left_alone(model, image):
    import torch

    from retinaface.reference.rounding import rounded_model

    before = run(model, image)
    rounded_model(model)
    for one, other in zip(run(model, image), before, strict=True):
        assert torch.equal(one, other)


def test_values_beyond_fp16_become_infinite(model, image):
    import copy

    from retinaface.reference.rounding import rounded_model

    large = copy.deepcopy(model)
    large.BboxHead[0].conv1x1.bias.data.fill_(65_519.0)  # rounds to 65 504
    assert run(rounded_model(large), image)[0].isfinite().all()
    large.BboxHead[0].conv1x1.bias.data.fill_(70_000.0)
    loc, conf, _ = run(rounded_model(large), image)
    assert loc.isinf().any()
    assert conf.isfinite().all()


def test_batch_norms_are_folded_first(model, image):
    """A running variance of 89 549 is beyond FP16, and harmless once folded."""
    import copy

    from retinaface.reference.rounding import rounded_model

    trap = copy.deepcopy(model)
    trap.body.stage1[0][1].running_var.fill_(90_000.0)
    trap.body.stage1[0][1].weight.data.fill_(300.0)
    exact = run(copy.deepcopy(trap).double(), image.double())
    for output, right in zip(run(rounded_model(trap), image), exact, strict=True):
        assert (output - right).abs().max() < 2**-4 * right.abs().max()
