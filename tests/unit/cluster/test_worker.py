import itertools
import os
from types import SimpleNamespace

import pytest

from retinaface.cluster.versions import versions
from retinaface.cluster.worker import EnginePlugin, Mission, processors_of
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.spec import EngineSpec
from retinaface.errors import ClusterError

SPEC = EngineSpec("finder", "fp32", "cpu")


@pytest.fixture
def plugin(embedded, tmp_path):
    sample = embedded.listed[0]
    mission = Mission(
        SPEC,
        "tests.support.widerface:Finder",
        (),
        PIPELINES["igie"],
        4,
        embedded,
        sample,
        skip_bad_images=False,
        keeps_detections=True,
        versions=versions(),
    )
    worker = SimpleNamespace(address="tcp://a:1", local_directory=str(tmp_path), name=0)
    made = EnginePlugin(mission)
    made.setup(worker)
    yield made
    made.teardown(worker)


def test_the_engine_opens_once_and_its_files_go(plugin, tmp_path):
    first, second = (plugin.run(lambda engine, _: id(engine)).value for _ in range(2))
    assert first == second
    assert len(list(tmp_path.iterdir())) == 1
    plugin.teardown(None)
    plugin._thread.shutdown(wait=True)
    assert list(tmp_path.iterdir()) == []
    plugin.setup(SimpleNamespace(address="", local_directory=str(tmp_path), name=0))


def test_a_disk_that_takes_no_files_names_the_worker(plugin, tmp_path):
    tmp_path.rmdir()
    found = plugin.run(lambda engine, _: engine)
    assert isinstance(found.error, ClusterError)
    assert str(found.error).startswith("worker tcp://a:1: FileNotFoundError: ")
    tmp_path.mkdir()


def test_a_fault_of_this_program_is_raised(plugin):
    with pytest.raises(ZeroDivisionError):
        plugin.run(lambda _engine, _mission: 1 / 0)


def test_workers_of_one_machine_share_its_processors():
    """No processor is left over, and none is given twice while there are enough."""
    n_cpus = len(os.sched_getaffinity(0))
    for n in range(1, n_cpus + 1):
        shares = [processors_of(i, n) for i in range(n)]
        assert sorted(itertools.chain(*shares)) == sorted(os.sched_getaffinity(0))
    assert all(len(processors_of(i, n_cpus + 3)) == 1 for i in range(n_cpus + 3))
