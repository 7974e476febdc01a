"""What is judged of raw outputs: loc and landmarks as they are, conf as log-odds and as a sum.

A background probability next to 1 is rounded to the last bit of its type, whatever the network
computed before the softmax. An error there weighed in such bits says nothing of the network, and
fails engines that round once more than torch does. The softmax of two logits depends on their
difference alone, which is what log(p_face / p_background) gives back, so this is judged in place
of the probabilities. Two probabilities that are wrong by one factor have the right log-odds: that
they add up to 1 is checked apart.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from retinaface.network.config import OUTPUT_NAMES
from retinaface.typing import FloatArray, FloatPrecision
from retinaface.verdicts import Check, Verdict

CONF = OUTPUT_NAMES[1]
# Half a step of the type below 1 (IEEE 754: 24 and 11 bits): a smaller probability cannot be told
# from 0 beside one that is nearly 1.
RESOLUTION: Mapping[FloatPrecision, float] = {"fp32": 2.0**-24, "fp16": 2.0**-11}
# How far the probabilities of a prior may be from 1 in sum. ONNX Runtime 1.32, OpenCV 5 and torch
# 2.13 on all kinds of input: at most 1.1e-6 in FP32 and 2.4e-4 in FP16; this is 8 times as much and
# more. In FP32 it is a thirtieth of the smallest change of a score that counts (0.0005).
SUM_LIMIT: Mapping[FloatPrecision, float] = {"fp32": 2.0**-16, "fp16": 2.0**-9}


def log_odds(conf: FloatArray, precision: FloatPrecision) -> FloatArray:
    """Compute log(p_face / p_background).

    Args:
        conf: (..., 2) probabilities of background and face.
        precision: What is below half a step of this type next to 1 is taken as half a step.

    Returns:
        (..., 1) float64, within +-16.7 for FP32 and +-7.7 for FP16; NaN where a value is none, is
        infinite or below 0.
    """
    values = np.asarray(conf, np.float64)
    is_probability = (values >= 0) & np.isfinite(values)
    clipped = np.where(is_probability, np.maximum(values, RESOLUTION[precision]), np.nan)
    logs = np.log(clipped)
    return np.asarray(logs[..., 1:] - logs[..., :1])


def label(name: str) -> str:
    """Name what is judged of an output, for a message."""
    return f"{name} log-odds" if name == CONF else name


def quantity(name: str, output: FloatArray, precision: FloatPrecision) -> FloatArray:
    """Give what is judged of an output: log-odds for `conf`, else its values, as float64."""
    if name == CONF:
        return log_odds(output, precision)
    return np.asarray(output, np.float64)


def largest_sum_error(conf: FloatArray) -> float:
    """Measure how far the probabilities of any prior are from 1 in sum; NaN for a NaN.

    Args:
        conf: (..., 2).
    """
    with np.errstate(invalid="ignore"):
        return float(np.abs(np.asarray(conf, np.float64).sum(axis=-1) - 1).max())


def check_probabilities(name: str, conf: FloatArray, precision: FloatPrecision) -> Check:
    """Judge whether the probabilities of each prior add up to 1."""
    found, limit = largest_sum_error(conf), SUM_LIMIT[precision]
    text = f"background and face add up to 1 within {found:.3g}, allowed {limit:.3g}"
    if not found <= limit:
        with np.errstate(invalid="ignore"):
            sums = np.asarray(conf, np.float64).sum(axis=-1)
            where = np.unravel_index(int(np.argmax(np.abs(sums - 1))), sums.shape)
        index = tuple(int(i) for i in where)
        text += (
            f"; at (image, prior) {index}: {conf[index][0]:.9g} and {conf[index][1]:.9g}; "
            "the file or the engine leaves out the softmax, or scales its outputs"
        )
    verdict = Verdict.PASS if found <= limit else Verdict.FAIL
    return Check(f"{name}: sum of probabilities", verdict, text, value=found, limit=limit)
