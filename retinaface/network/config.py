"""The numbers that define RetinaFace MobileNet-0.25; no code, so geometry needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RetinaFaceConfig:
    """Architecture and prior boxes of one RetinaFace network.

    The defaults are `cfg_mnet` of Face-Detector-1MB-with-landmark, which the published figures use.
    The better-known Pytorch_Retinaface has other prior sizes and LeakyReLU; its weights load into
    this network without an error and detect nothing right, so do not mix the two.
    """

    # Output channels of the stem and of the six + six + two depthwise-separable blocks.
    stem_channels: int = 8
    stage_channels: tuple[tuple[int, ...], ...] = (
        (16, 32, 32, 64, 64),
        (128, 128, 128, 128, 128, 128),
        (256, 256),
    )
    # Blocks (stage, index) that halve the resolution; the stem halves it too.
    stage_strides: tuple[tuple[int, ...], ...] = (
        (1, 2, 1, 2, 1),
        (2, 1, 1, 1, 1, 1),
        (2, 1),
    )
    fpn_channels: int = 64
    # One feature level per stride; two square priors per cell and level.
    strides_px: tuple[int, ...] = (8, 16, 32)
    prior_sizes_px: tuple[tuple[int, ...], ...] = ((10, 20), (32, 64), (128, 256))
    # Scales of centre and size offsets, as in SSD.
    variances: tuple[float, float] = (0.1, 0.2)
    # Subtracted from B, G, R; the network sees no other scaling.
    mean_bgr: tuple[float, float, float] = (104.0, 117.0, 123.0)
    n_landmarks: int = 5

    @property
    def priors_per_cell(self) -> int:
        """Count the priors at one cell of a feature level."""
        return len(self.prior_sizes_px[0])


MOBILENET_025 = RetinaFaceConfig()

# Names of the outputs in every exported file and in the suite's messages.
INPUT_NAME = "input"
OUTPUT_NAMES = ("loc", "conf", "landmarks")
# Number of values that each output has for one prior.
OUTPUT_WIDTHS = {"loc": 4, "conf": 2, "landmarks": 2 * MOBILENET_025.n_landmarks}
# Key of the metadata that states the precision, so that reading it needs no onnx.
PRECISION_KEY = "retinaface.precision"

# Post-processing limits of the recipe; the vendor's scripts and upstream have the same ones.
SCORE_LIMIT = 0.02
NMS_OVERLAP_LIMIT = 0.4
