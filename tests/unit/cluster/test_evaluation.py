"""Runs on two workers, compared with the run of one machine."""

import dataclasses
import os

import numpy as np
import pytest

from retinaface.cluster import evaluation, in_order
from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.spec import EngineSpec
from retinaface.errors import ClusterError, DatasetError, EngineFault, ImageError
from retinaface.widerface.dataset import open_widerface
from retinaface.widerface.evaluation import evaluate
from tests.support import clusters
from tests.support.made.widerface_copy import IMAGES, write_vendor_layout


def on_one_machine(dataset, truth, pipeline="igie", engine="Spotter", **options):
    recipe = PIPELINES[pipeline]
    made = getattr(clusters, engine)(EngineSpec(engine, "fp32", "cpu"))
    return evaluate(made, recipe, dataset, truth, **({"batch_size": recipe.batch_size} | options))


def assert_same(actual, expected):
    """Compare two evaluations to the last bit, times left out."""
    for name in ("ap", "bad_images", "images", "image_sha256", "warning"):
        assert getattr(actual, name) == getattr(expected, name), name
    assert list(actual.detections) == list(expected.detections)
    for image, found in expected.detections.items():
        for field in dataclasses.fields(found):
            ours, theirs = (getattr(d, field.name) for d in (actual.detections[image], found))
            assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
    for field in dataclasses.fields(expected.counts):
        ours, theirs = (getattr(c, field.name) for c in (actual.counts, expected.counts))
        np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize(
    ("pipeline", "engine", "batch"),
    [("igie", "Spotter", 32), ("igie", "Spotter", 5), ("upstream-320", "FreeSpotter", 1)],
    ids=["igie-b32", "igie-b5", "upstream-320-b1"],
)
def test_the_result_is_that_of_one_machine(crew, embedded, pipeline, engine, batch):
    truth = embedded.select()
    expected = on_one_machine(embedded, truth, pipeline, engine, batch_size=batch)
    assert expected.counts.threshold_index.size > 50
    with crew(embedded, pipeline=pipeline, engine=engine, batch_size=batch) as workers:
        assert_same(workers.evaluate(truth), expected)


def test_figures_alone_are_those_of_one_machine(crew, embedded):
    """The range of scores, on which every count depends, is known only at the end."""
    truth = embedded.select()
    expected = on_one_machine(embedded, truth, batch_size=5)
    with crew(embedded, batch_size=5, keeps_detections=False) as workers:
        figures = workers.evaluate(truth)
    assert figures.ap == expected.ap
    assert figures.n_images == expected.n_images
    assert figures.n_detections == sum(len(d.scores) for d in expected.detections.values())


def test_a_killed_worker_costs_no_result(crew, embedded, tmp_path):
    truth = embedded.select()
    expected = on_one_machine(embedded, truth, batch_size=5)
    options = {"act": "die", "dir": str(tmp_path)}
    with crew(embedded, batch_size=5, options=options) as workers:
        assert_same(workers.evaluate(truth), expected)
    assert (tmp_path / "happened").exists()


def test_a_shard_that_kills_its_workers_ends_the_run(crew, embedded):
    with (
        pytest.raises(ClusterError, match="images 1 to .*: every worker that ran this was lost"),
        # A cluster of its own: a nanny gives up a worker that dies while it starts.
        crew(embedded, batch_size=5, options={"act": "die-always"}, where="local:1") as workers,
    ):
        workers.evaluate(embedded.select())


def test_an_idle_worker_helps_one_that_hangs(crew, embedded, tmp_path, monkeypatch):
    monkeypatch.setattr(in_order, "SLOW_S", 0.1)
    truth = embedded.select()
    expected = on_one_machine(embedded, truth, batch_size=5)
    options = {"act": "hang", "dir": str(tmp_path)}
    with crew(embedded, batch_size=5, options=options) as workers:
        assert_same(workers.evaluate(truth), expected)
        assert workers.happened.n_repeated >= 1
        pid = int((tmp_path / "happened").read_text())
    os.kill(pid, 9)  # it would keep its thread for ever


def test_a_full_disk_names_the_worker(crew, embedded):
    with (
        pytest.raises(EngineFault, match=r"^worker tcp://.*No space left on device"),
        crew(embedded, options={"act": "full-disk"}, batch_size=5) as workers,
    ):
        workers.evaluate(embedded.select())


def test_bad_images_end_the_run_or_are_skipped(crew, tmp_path):
    dataset = open_widerface(write_vendor_layout(tmp_path))
    (dataset.root / "val/images" / f"{IMAGES[5]}.jpg").write_bytes(b"")
    with (
        pytest.raises(ImageError, match=rf"worker tcp://.*{IMAGES[5]}: the file is empty"),
        crew(dataset) as workers,
    ):
        workers.evaluate(dataset.select())
    expected = on_one_machine(dataset, dataset.select(), skip_bad_images=True)
    with crew(dataset, skip_bad_images=True) as workers:
        assert_same(workers.evaluate(dataset.select()), expected)
    with crew(dataset, skip_bad_images=True, keeps_detections=False) as workers:
        figures = workers.evaluate(dataset.select())
    assert (figures.ap, figures.bad_images) == (expected.ap, expected.bad_images)


def test_a_worker_that_does_not_see_the_images_is_named(crew, tmp_path):
    dataset = open_widerface(write_vendor_layout(tmp_path))
    (dataset.root / "val/images" / f"{IMAGES[0]}.jpg").unlink()
    with (
        pytest.raises(DatasetError, match=r"worker tcp://.*as this worker sees it; share"),
        crew(dataset),
    ):
        pass


def test_versions_that_differ_are_refused(crew, embedded, monkeypatch):
    monkeypatch.setattr(evaluation, "versions", lambda: {"NumPy": "1.0"})
    match = r"NumPy is \S+ on the worker tcp://\S+ and 1.0 where the command runs"
    with pytest.raises(ClusterError, match=match), crew(embedded):
        pass


def test_a_resource_that_no_worker_has_is_refused(crew, embedded):
    match = "no worker of tcp://.* has the resources GPU=1; start one that has"
    with pytest.raises(ClusterError, match=match), crew(embedded, resources={"GPU": 1}):
        pass
