"""The whole network in reading order: backbone, feature pyramid, context modules, heads.

Attribute names are those of the published checkpoint, so its 300 tensors load strictly.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from retinaface.network.config import MOBILENET_025, RetinaFaceConfig


def conv_bn(n_in: int, n_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Make a convolution and a batch norm, without an activation."""
    padding = kernel // 2
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False), nn.BatchNorm2d(n_out)
    )


def conv_bn_relu(n_in: int, n_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Make a convolution, a batch norm, a plain ReLU (not LeakyReLU: see `RetinaFaceConfig`)."""
    return conv_bn(n_in, n_out, kernel, stride).append(nn.ReLU())


def depthwise_separable(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    """Make a MobileNet v1 block (Howard et al. 2017): 3x3 per channel, then 1x1 across channels."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_in, 3, stride, 1, groups=n_in, bias=False),
        nn.BatchNorm2d(n_in),
        nn.ReLU(),
        *conv_bn_relu(n_in, n_out, kernel=1),
    )


class MobileNetV1(nn.Module):
    """Backbone with a quarter of MobileNet's width; a feature map for each stride 8, 16, 32."""

    def __init__(self, config: RetinaFaceConfig) -> None:
        super().__init__()
        n_in = config.stem_channels
        stages: list[nn.Sequential] = []
        for channels, strides in zip(config.stage_channels, config.stage_strides, strict=True):
            blocks = [] if stages else [conv_bn_relu(3, n_in, stride=2)]
            for n_out, stride in zip(channels, strides, strict=True):
                blocks.append(depthwise_separable(n_in, n_out, stride))
                n_in = n_out
            stages.append(nn.Sequential(*blocks))
        self.stage1, self.stage2, self.stage3 = stages

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Compute the levels (N, 64 | 128 | 256, H / stride, W / stride) from (N, 3, H, W)."""
        c3 = self.stage1(x)  # (N, 64, H/8, W/8)
        c4 = self.stage2(c3)  # (N, 128, H/16, W/16)
        c5 = self.stage3(c4)  # (N, 256, H/32, W/32)
        return [c3, c4, c5]


class FPN(nn.Module):
    """Feature pyramid (Lin et al. 2017): coarse levels are enlarged and added to finer ones."""

    def __init__(self, in_channels: list[int], channels: int) -> None:
        super().__init__()
        self.output1 = conv_bn_relu(in_channels[0], channels, kernel=1)
        self.output2 = conv_bn_relu(in_channels[1], channels, kernel=1)
        self.output3 = conv_bn_relu(in_channels[2], channels, kernel=1)
        self.merge1 = conv_bn_relu(channels, channels)
        self.merge2 = conv_bn_relu(channels, channels)

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Turn three levels of any width into three levels of `channels`."""
        c3, c4, c5 = features
        p5 = self.output3(c5)
        p4 = self.output2(c4)
        p4 = self.merge2(p4 + nn.functional.interpolate(p5, size=p4.shape[2:], mode="nearest"))
        p3 = self.output1(c3)
        p3 = self.merge1(p3 + nn.functional.interpolate(p4, size=p3.shape[2:], mode="nearest"))
        return [p3, p4, p5]


class SSH(nn.Module):
    """Context module (Najibi et al. 2017): 3x3, 5x5 and 7x7 fields built of 3x3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv3X3 = conv_bn(channels, channels // 2)
        self.conv5X5_1 = conv_bn_relu(channels, channels // 4)
        self.conv5X5_2 = conv_bn(channels // 4, channels // 4)
        self.conv7X7_2 = conv_bn_relu(channels // 4, channels // 4)
        self.conv7x7_3 = conv_bn(channels // 4, channels // 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Widen the field of view; (N, channels, h, w), and the same shape as result."""
        shared = self.conv5X5_1(x)
        branches = [self.conv3X3(x), self.conv5X5_2(shared), self.conv7x7_3(self.conv7X7_2(shared))]
        return torch.cat(branches, dim=1).relu()


class Head(nn.Module):
    """A 1x1 convolution; its channels become the values of each prior."""

    def __init__(self, channels: int, n_priors: int, n_values: int) -> None:
        super().__init__()
        self.n_values = n_values
        self.conv1x1 = nn.Conv2d(channels, n_priors * n_values, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn (N, channels, h, w) into (N, h * w * n_priors, n_values)."""
        out: torch.Tensor = self.conv1x1(x).permute(0, 2, 3, 1)  # (N, h, w, priors * values)
        return out.reshape(out.shape[0], -1, self.n_values)  # (N, h * w * priors, values)


class RetinaFace(nn.Module):
    """RetinaFace (Deng et al. 2020) as Face-Detector-1MB-with-landmark trained it."""

    def __init__(self, config: RetinaFaceConfig = MOBILENET_025) -> None:
        super().__init__()
        self.config = config
        channels, n_priors = config.fpn_channels, config.priors_per_cell
        self.body = MobileNetV1(config)
        self.fpn = FPN([stage[-1] for stage in config.stage_channels], channels)
        self.ssh1, self.ssh2, self.ssh3 = (SSH(channels) for _ in range(3))
        self.ClassHead = nn.ModuleList(Head(channels, n_priors, 2) for _ in range(3))
        self.BboxHead = nn.ModuleList(Head(channels, n_priors, 4) for _ in range(3))
        n_landmark_values = 2 * config.n_landmarks
        self.LandmarkHead = nn.ModuleList(
            Head(channels, n_priors, n_landmark_values) for _ in range(3)
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run the network.

        Args:
            images: (N, 3, H, W), BGR minus the mean.

        Returns:
            `loc` (N, P, 4) offsets, `conf` (N, P, 2) background and face probability after softmax,
            `landmarks` (N, P, 10) offsets; P as in `prior_boxes(H, W)`.
        """
        p3, p4, p5 = self.fpn(self.body(images))
        features = [self.ssh1(p3), self.ssh2(p4), self.ssh3(p5)]
        loc = _over_levels(self.BboxHead, features)
        conf = _over_levels(self.ClassHead, features).softmax(dim=-1)
        landmarks = _over_levels(self.LandmarkHead, features)
        return loc, conf, landmarks


def _over_levels(heads: nn.ModuleList, features: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([head(x) for head, x in zip(heads, features, strict=True)], dim=1)


def fold_batch_norms(model: RetinaFace) -> RetinaFace:
    """Fold every batch norm into the convolution before it, as a cast to FP16 requires.

    One running variance of the published checkpoint is 89 549, above FP16's 65 504. A cast without
    folding makes it infinity, and the scores are wrong by up to 0.77, without an error.

    Args:
        model: In evaluation mode; stays unchanged.

    Returns:
        A copy without batch norms, of the same dtype; folded in float64 and rounded once.
    """
    dtype = next(model.parameters()).dtype
    folded = copy.deepcopy(model).double()
    for sequence in [m for m in folded.modules() if isinstance(m, nn.Sequential)]:
        layers = list(sequence)
        for i, (conv, norm) in enumerate(pairwise(layers)):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[i] = fuse_conv_bn_eval(conv, norm)
                sequence[i + 1] = nn.Identity()
    return folded.to(dtype)
