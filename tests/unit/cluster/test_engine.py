import numpy as np

from retinaface.engines.spec import EngineSpec
from tests.support import clusters


def test_a_call_gives_what_the_engine_gives_here(crew, embedded):
    images = np.random.default_rng(0).random((3, 3, 320, 320)).astype(np.float32)
    expected = clusters.Spotter(EngineSpec("Spotter", "fp32", "cpu")).infer(images)
    with crew(embedded) as workers:
        found = workers.engine.infer(images)
        assert workers.engine.describe()["runtime"] == "spotter 1"
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
