"""Two workers on this machine, and runs on them."""

import logging

import pytest

from retinaface.cluster import evaluation
from retinaface.detection.pipelines import PIPELINES
from retinaface.embedded import embedded_root
from retinaface.engines.spec import EngineSpec
from retinaface.widerface.dataset import open_widerface


@pytest.fixture(scope="package")  # its threads must not go on beside other tests
def scheduler():
    """Give the address of a scheduler with two workers; a worker that ends is started again."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        scheduler_kwargs={"allowed_failures": 2},
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="session")
def embedded():
    return open_widerface(embedded_root())


@pytest.fixture
def crew(scheduler):
    """Open a crew with an engine of the tests."""

    def open_crew(dataset, *, pipeline="igie", engine="Spotter", where=scheduler, **changes):
        recipe, options = PIPELINES[pipeline], changes.pop("options", {})
        height, width = recipe.input_size_px or (None, None)
        spec = EngineSpec(engine, "fp32", "cpu", height_px=height, width_px=width, options=options)
        settings = {
            "sample": dataset.listed[0],
            "batch_size": recipe.batch_size,
            "skip_bad_images": False,
            "keeps_detections": True,
            "resources": {},
            "started": lambda n, link: None,
        }
        factory = f"tests.support.clusters:{engine}"
        return evaluation.crew(where, spec, factory, recipe, dataset, **(settings | changes))

    return open_crew
