import numpy as np

from retinaface.network.outputs import softmax


def test_softmax_gives_probabilities_of_any_logits_in_their_type():
    logits = np.array([[[0, 0], [1, 3], [-2000, 2000]]], np.float32)
    found = softmax(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(found[0, :, 1], [0.5, 1 / (1 + np.exp(-2)), 1], rtol=1e-6)
