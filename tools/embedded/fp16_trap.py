"""Give a checkpoint the published one's trap: a running variance beyond FP16's largest number.

Scaling one output channel of a convolution by k, and mean and variance of the batch norm after it
by k and k squared, does not change the function. A cast to FP16 without folding makes the variance
infinite, the channel constant, and the scores wrong, without an error.
"""

from __future__ import annotations

import math

import torch

FP16_LARGEST = 65_504.0
# The batch norm of the stem, as in the published checkpoint.
CONVOLUTION, NORM = "body.stage1.0.0", "body.stage1.0.1"
_EPS = 1e-5  # default of torch's batch norm


def with_fp16_trap(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Scale the channel of the stem with the largest variance.

    Args:
        state: State of the network, float32.

    Returns:
        A copy that computes the same function up to float32 rounding.
    """
    result = {name: tensor.clone() for name, tensor in state.items()}
    variance = result[f"{NORM}.running_var"]
    channel = int(variance.argmax())
    # A power of two scales without rounding.
    k = 2.0 ** math.ceil(math.log2(math.sqrt(FP16_LARGEST / float(variance[channel]))) + 1e-9)
    result[f"{CONVOLUTION}.weight"][channel] *= k
    result[f"{NORM}.running_mean"][channel] *= k
    # The norm divides by sqrt(variance + eps); the variance makes up for eps, which does not scale.
    variance[channel] = (variance[channel] + _EPS) * k * k - _EPS
    return result
