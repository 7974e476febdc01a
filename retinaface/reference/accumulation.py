"""Predict the error of a device that rounds sums to FP16 too, as shaders with FP16 arithmetic do.

In which order it adds decides the error, so there are two, each from the sources of a runtime.

`fp16-blocks`, ncnn's shaders (src/layer/vulkan/shader of Tencent/ncnn at a4d2ea1d, all of which
start from the bias and add in `afpvec4`, FP16 where arithmetic is):

- convolution_packed.comp, convolution_packed_gemm.comp and convolution_packed_1x1s1d1.comp add, for
  each four input channels and then for each place of the kernel, `v * k`, the dot product of four
  inputs and four weights (`afpmat4`). Where the number of input channels is no multiple of 4
  (`elempack` 1), they add product by product.
- convolutiondepthwise_pack4.comp adds product by product, for each place of the kernel.

Winograd's tiles, which ncnn uses where it can, are not emulated: their transforms round further
sums, and belong to the room that the factors of `floors` leave.

`fp16-products`, ONNX Runtime's WebGPU kernels (onnxruntime/core/providers/webgpu of
microsoft/onnxruntime): nn/conv2d_mm_webgpu.cc and math/gemm_utils.cc add product by product to a
sum that starts from 0, for each place of the kernel and then each input channel; nn/grouped_conv.cc
likewise for one channel; the bias comes last.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from retinaface.network.model import RetinaFace
from retinaface.reference.floors import SumFloor
from retinaface.reference.rounding import leaves, rounded_model

BLOCK = 4  # input channels: the values of an `afpvec4`


def accumulating_model(model: RetinaFace, floor: SumFloor) -> RetinaFace:
    """Make the network of `rounded_model`, whose convolutions round every product and sum too.

    Args:
        model: In evaluation mode; stays unchanged.
        floor: Says in which order they add.

    Returns:
        A copy that takes and gives float32.
    """
    rounded = rounded_model(model)
    for layer in leaves(rounded).values():
        if isinstance(layer, nn.Conv2d):
            # What `nn.Conv2d.forward` calls; so the hooks that round input and output stay.
            layer._conv_forward = functools.partial(_convolve, floor, layer)  # type: ignore[method-assign]
    return rounded


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: a network of `accumulating_model` takes small steps.

    Threads that wait for each other in tens of thousands of them take minutes on a busy machine.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _convolve(
    floor: SumFloor, layer: nn.Conv2d, inputs: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    (stride, other), padding = layer.stride, layer.padding
    if stride != other or isinstance(padding, str) or layer.dilation != (1, 1):
        raise ValueError(
            f"cannot emulate {layer}: expected square strides, padding in numbers, dilation 1"
        )
    sides = (padding[1], padding[1], padding[0], padding[0])
    padded = nn.functional.pad(inputs.half(), sides)
    given = torch.zeros(len(weight)) if bias is None else bias
    convolution = _CONVOLUTIONS[floor, layer.groups == 1]
    return convolution(padded, weight.half(), given.half(), stride).float()


def convolve_in_blocks(inputs: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Convolve in FP16 alone, as ncnn: each sum of a block, and each sum over blocks, is rounded.

    Args:
        inputs: (N, C, H, W) float16, padded.
        weight: (K, C, h, w) float16.
        bias: (K,) float16.
        stride: In both directions, px.

    Returns:
        (N, K, (H - h) // stride + 1, (W - w) // stride + 1) float16; beyond 65 504 infinity.
    """
    n_in = weight.shape[1]
    block = BLOCK if n_in % BLOCK == 0 else 1
    places = list(product(range(weight.shape[2]), range(weight.shape[3])))
    views = {place: _view(inputs, weight, place, stride) for place in places}
    height, width = views[0, 0].shape[2:]
    total = bias[None, :, None, None].repeat(len(inputs), 1, height, width)
    for first, (y, x) in product(range(0, n_in, block), places):
        products = (
            views[y, x][:, i : i + 1] * weight[None, :, i, y, x, None, None]
            for i in range(first, first + block)
        )
        total += functools.reduce(Tensor.add_, products)
    return total


def convolve_depthwise(inputs: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Convolve each channel with its own kernel, in FP16 alone.

    Args:
        inputs: (N, C, H, W) float16, padded.
        weight: (C, 1, h, w) float16.
        bias: (C,) float16.
        stride: In both directions, px.

    Returns:
        (N, C, (H - h) // stride + 1, (W - w) // stride + 1) float16.

    Raises:
        ValueError: A group has several channels.
    """
    if weight.shape[:2] != (inputs.shape[1], 1):
        raise ValueError(
            f"expected a kernel for each of {inputs.shape[1]} channels, got {tuple(weight.shape)}"
        )
    places = list(product(range(weight.shape[2]), range(weight.shape[3])))
    height, width = _view(inputs, weight, (0, 0), stride).shape[2:]
    total = bias[None, :, None, None].repeat(len(inputs), 1, height, width)
    for y, x in places:
        total += _view(inputs, weight, (y, x), stride) * weight[None, :, 0, y, x, None, None]
    return total


def convolve_by_products(inputs: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Convolve in FP16 alone, as WebGPU's kernels: each product is added by itself, the bias last.

    Args and returns are those of `convolve_in_blocks`.
    """
    places = list(product(range(weight.shape[2]), range(weight.shape[3])))
    height, width = _view(inputs, weight, (0, 0), stride).shape[2:]
    total = torch.zeros(len(inputs), len(weight), height, width, dtype=torch.float16)
    for y, x in places:
        view = _view(inputs, weight, (y, x), stride)
        for i in range(weight.shape[1]):
            total += view[:, i : i + 1] * weight[None, :, i, y, x, None, None]
    return total + bias[None, :, None, None]


def convolve_depthwise_bias_last(
    inputs: Tensor, weight: Tensor, bias: Tensor, stride: int
) -> Tensor:
    """As `convolve_depthwise`, with a sum that starts from 0."""
    total = convolve_depthwise(inputs, weight, torch.zeros_like(bias), stride)
    return total + bias[None, :, None, None]


# By the order of sums, and whether each output sees all input channels.
_CONVOLUTIONS = {
    ("fp16-blocks", True): convolve_in_blocks,
    ("fp16-blocks", False): convolve_depthwise,
    ("fp16-products", True): convolve_by_products,
    ("fp16-products", False): convolve_depthwise_bias_last,
}


def _view(inputs: Tensor, weight: Tensor, place: tuple[int, int], stride: int) -> Tensor:
    """Take what one place of the kernel sees, (N, C, h, w)."""
    (y, x), (height, width) = place, weight.shape[2:]
    bottom, right = inputs.shape[2] - height + y + 1, inputs.shape[3] - width + x + 1
    return inputs[:, :, y:bottom:stride, x:right:stride]
