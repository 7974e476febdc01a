"""A network to compute with."""

import pytest

from tests.support.made.noise import noise


@pytest.fixture(scope="module")
def model():
    """Make random weights with batch norms that have seen noise, so every layer matters.

    This uses one thread: on such small tensors, threads that wait for a processor cost seconds.
    """
    import torch
    from torch import nn

    from retinaface.network.model import RetinaFace

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = RetinaFace().train()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        network(noise(4, 64))
    yield network.eval()
    torch.set_num_threads(n_threads)
