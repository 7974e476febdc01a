"""Faults inside ncnn on Vulkan; rows of `rows`."""

from __future__ import annotations

from retinaface.engines.ncnn.vulkan import NcnnVulkanEngine

# The layer whose sums saturate, and where: the embedded weights reach 14 there on scenes and noise.
_LAYER, _LARGEST = "convrelu_3", 3.5


class Saturates(NcnnVulkanEngine):
    """The sums of one layer stop at a quarter of what they reach, as narrow accumulators do."""

    def _convert(self, folder):
        param, weights = super()._convert(folder)
        lines = param.read_text().splitlines()
        (i,) = (i for i, line in enumerate(lines) if line.split()[1:2] == [_LAYER])
        relu, clip = " 9=1", f" 9=3 -23310=2,0,{_LARGEST}"  # ncnn's activations
        assert lines[i].endswith(relu)
        lines[i] = lines[i].removesuffix(relu) + clip
        param.write_text("\n".join(lines) + "\n")
        return param, weights


class OnTheCpu(NcnnVulkanEngine):
    """The CPU runs what Vulkan's name stands for, as it does where no driver is found."""

    def _choose_device(self, net):
        net.opt.use_vulkan_compute = False
