import itertools

import numpy as np
import pytest

from retinaface.reference.floors import SUM_FLOORS
from tests.support.made.noise import noise

pytestmark = pytest.mark.needs("torch")


def by_hand(images, weight, bias, stride, block):
    """Convolve value by value in NumPy's float16, whose every operation rounds."""
    _, n_in, kernel, _ = weight.shape
    n, _, height, width = images.shape
    side_h, side_w = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    found = np.empty((n, len(weight), side_h, side_w), np.float16)
    places = list(itertools.product(range(kernel), repeat=2))
    for i, k, y, x in np.ndindex(*found.shape):
        total = bias[k]
        for first, (dy, dx) in itertools.product(range(0, n_in, block), places):
            pixels = images[i, first : first + block, y * stride + dy, x * stride + dx]
            products = pixels * weight[k, first : first + block, dy, dx]
            part = products[0]
            for value in products[1:]:
                part = part + value
            total = total + part
        found[i, k, y, x] = total
    return found


def drawn(*shape):
    return np.random.default_rng(sum(shape)).normal(0, 3, shape).astype(np.float16)


@pytest.mark.parametrize(("n_in", "block"), [(8, 4), (3, 1), (6, 1)])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 1)])
def test_a_convolution_equals_a_loop_over_float16(n_in, block, kernel, stride):
    import torch

    from retinaface.reference.accumulation import convolve_in_blocks

    given = drawn(2, n_in, 7, 9), drawn(5, n_in, kernel, kernel), drawn(5)
    found = convolve_in_blocks(*map(torch.from_numpy, given), stride).numpy()
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, by_hand(*given, stride, block))


def one_by_one(images, weight, bias, stride):
    """Convolve value by value, product by product, from 0, with the bias last."""
    _, n_in, kernel, _ = weight.shape
    n, _, height, width = images.shape
    side_h, side_w = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    found = np.empty((n, len(weight), side_h, side_w), np.float16)
    for i, k, y, x in np.ndindex(*found.shape):
        total = np.float16(0)
        for dy, dx, channel in np.ndindex(kernel, kernel, n_in):
            pixel = images[i, channel, y * stride + dy, x * stride + dx]
            total = total + pixel * weight[k, channel, dy, dx]
        found[i, k, y, x] = total + bias[k]
    return found


@pytest.mark.parametrize(("n_in", "kernel", "stride"), [(8, 3, 1), (3, 3, 2), (5, 1, 1)])
def test_a_convolution_by_products_equals_a_loop_over_float16(n_in, kernel, stride):
    import torch

    from retinaface.reference.accumulation import convolve_by_products, convolve_in_blocks

    given = drawn(2, n_in, 7, 9), drawn(5, n_in, kernel, kernel), drawn(5)
    found = convolve_by_products(*map(torch.from_numpy, given), stride).numpy()
    np.testing.assert_array_equal(found, one_by_one(*given, stride))
    assert (found != convolve_in_blocks(*map(torch.from_numpy, given), stride).numpy()).any()


def test_a_depthwise_convolution_may_add_the_bias_last():
    import torch

    from retinaface.reference.accumulation import convolve_depthwise_bias_last

    images, weight, bias = drawn(2, 6, 7, 9), drawn(6, 1, 3, 3), drawn(6)
    given = map(torch.from_numpy, (images, weight, bias))
    found = convolve_depthwise_bias_last(*given, 1).numpy()
    for i in range(6):
        channel = one_by_one(images[:, i : i + 1], weight[i : i + 1], bias[i : i + 1], 1)
        np.testing.assert_array_equal(found[:, i : i + 1], channel)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_convolution_equals_a_loop_over_float16(stride):
    import torch

    from retinaface.reference.accumulation import convolve_depthwise

    images, weight, bias = drawn(2, 6, 7, 9), drawn(6, 1, 3, 3), drawn(6)
    found = convolve_depthwise(*map(torch.from_numpy, (images, weight, bias)), stride).numpy()
    for i in range(6):
        channel = by_hand(images[:, i : i + 1], weight[i : i + 1], bias[i : i + 1], stride, 1)
        np.testing.assert_array_equal(found[:, i : i + 1], channel)


def one_sum(weights, bias, inputs):
    """Compute one sum over channels."""
    import torch

    from retinaface.reference.accumulation import convolve_in_blocks

    def half(values, *shape):
        return torch.tensor(values, dtype=torch.float16).reshape(shape)

    n = len(weights)
    given = half(inputs, 1, n, 1, 1), half(weights, 1, n, 1, 1), half([bias], 1)
    return convolve_in_blocks(*given, 1).item()


@pytest.mark.parametrize(
    ("weights", "bias", "inputs", "expected"),
    [
        # From 2048 on a step is 2: added one by one to the bias, each 1 would be lost.
        ([1, 1, 1, 1], 2048, [1, 1, 1, 1], 2052),
        ([1, 1, 1, 0] * 2, 2048, [1, 1, 1, 1] * 2, 2056),  # 3 is a tie, and rounds to 4, twice
        ([1, 1, 1], 2048, [1, 1, 1], 2048),  # 3 channels are no block
        ([2048, 1, -2048, 0], 0, [1, 1, 1, 1], 0),
        ([256, 0, 0, 0], 0, [256, 1, 1, 1], np.inf),  # 65 536
    ],
)
def test_a_sum_starts_from_the_bias_and_adds_blocks_of_four(weights, bias, inputs, expected):
    assert one_sum(weights, bias, inputs) == expected


def test_a_group_of_several_channels_is_refused():
    import torch

    from retinaface.reference.accumulation import convolve_depthwise

    given = drawn(1, 6, 5, 5), drawn(3, 2, 3, 3), drawn(3)
    with pytest.raises(ValueError, match=r"a kernel for each of 6 channels, got \(3, 2, 3, 3\)"):
        convolve_depthwise(*map(torch.from_numpy, given), 1)


def test_a_convolution_that_the_network_has_not_is_refused():
    import torch
    from torch import nn

    from retinaface.reference.accumulation import _convolve

    layer = nn.Conv2d(4, 4, 3, dilation=2)
    with pytest.raises(ValueError, match="cannot emulate Conv2d.*dilation 1"):
        _convolve("fp16-blocks", layer, torch.zeros(1, 4, 9, 9), layer.weight, layer.bias)


@pytest.mark.parametrize("floor", SUM_FLOORS)
def test_the_network_is_the_rounded_one_but_for_its_sums(model, floor):
    """Rounded sums move the outputs by more than rounded layers do, and still by little."""
    from retinaface.reference.from_torch import outputs_with_rounded_sums, torch_reference

    images = noise(2, 64).numpy()
    (case,) = torch_reference(model, {"noise": images})
    sums = outputs_with_rounded_sums(model, images, floor)
    for name in ("loc", "landmarks"):
        narrow, wide = (rms(o[name] - case.exact[name]) for o in (sums, case.float16))
        assert wide < narrow < 4 * wide
        assert sums[name].dtype == np.float32


def rms(error):
    return np.sqrt(np.square(error).mean())
