import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retinaface.detection.detections import Detections
from retinaface.detection.detector import Job, Pass
from retinaface.detection.lanes import Busy
from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import EngineFault, ImageError
from tests.support.made.widerface_copy import jpeg
from tests.support.widerface import FreeFinder

IMAGES = {f"image-{i}": jpeg(i, 100 + i % 3, 200) for i in range(23)} | {"image-4": b""}


def jobs_of(*pipelines, engine=FreeFinder):
    return [Job(engine(), PIPELINES[p], {"igie": 4, "ixrt": 5}.get(p, 1)) for p in pipelines]


def run(jobs, load=IMAGES.__getitem__):
    found = {job: {} for job in jobs}
    for job, (name, result) in Pass(jobs, IMAGES, load, workers=2, skip_bad_images=True):
        found[job][name] = result
    return [found[job] for job in jobs]


class Breaking(FreeFinder):
    def _run(self, images):
        if len(self.batches) == 2:
            raise RuntimeError("out of memory")
        return super()._run(images)


def test_each_pipeline_has_the_batches_and_the_detections_that_it_has_alone():
    together = jobs_of(*PIPELINES)
    for name, job, ours in zip(PIPELINES, together, run(together), strict=True):
        (alone,) = jobs_of(name)
        (theirs,) = run([alone])
        assert list(ours) == list(theirs) == list(IMAGES), name
        for one, other in zip(job.engine.batches, alone.engine.batches, strict=True):
            np.testing.assert_array_equal(one, other)
        for image, found in theirs.items():
            if isinstance(found, ImageError):
                assert str(ours[image]) == str(found)
            else:
                np.testing.assert_array_equal(ours[image].boxes_xyxy, found.boxes_xyxy)
                np.testing.assert_array_equal(ours[image].scores, found.scores)


def test_each_image_is_read_once_for_all_pipelines():
    loaded = []
    run(jobs_of(*PIPELINES), lambda name: loaded.append(name) or IMAGES[name])
    assert sorted(loaded) == sorted(IMAGES)


def test_few_images_are_ahead_of_the_pipelines():
    loaded, most, seen = [], 0, set()
    jobs = jobs_of(*PIPELINES)
    load = lambda name: loaded.append(name) or IMAGES[name]  # noqa: E731 - append gives None
    for job, (name, _) in Pass(jobs, IMAGES, load, workers=2, skip_bad_images=True):
        if job is jobs[-1]:
            seen.add(name)
            most = max(most, len(loaded) - len(seen))
    assert most <= 8


@pytest.mark.parametrize("i_broken", [0, 1, 2])
def test_an_engine_that_raises_ends_its_own_pipeline_alone(i_broken):
    names = ["igie", "ixrt", "upstream-320"]
    jobs = jobs_of(*names)
    jobs[i_broken].engine = Breaking()
    found = run(jobs)
    assert [type(job.error) for job in jobs] == [
        EngineFault if i == i_broken else type(None) for i in range(3)
    ]
    assert "out of memory" in str(jobs[i_broken].error)
    for i, of_job in enumerate(found):
        assert (len(of_job) == len(IMAGES)) == (i != i_broken)


def test_a_pass_ends_where_every_engine_has_failed():
    loaded = []
    jobs = jobs_of("igie", "upstream-320", engine=Breaking)
    run(jobs, lambda name: loaded.append(name) or IMAGES[name])
    assert all(job.error for job in jobs)
    assert len(loaded) < len(IMAGES)


def test_a_bad_image_is_bad_for_every_pipeline():
    assert all(isinstance(found["image-4"], ImageError) for found in run(jobs_of(*PIPELINES)))
    jobs = jobs_of(*PIPELINES)
    with pytest.raises(ImageError, match="image-4: the file is empty"):
        list(Pass(jobs, IMAGES, IMAGES.__getitem__))


def test_the_time_in_calls_is_counted_once_where_they_overlap():
    busy, meet = Busy(), threading.Barrier(2)
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(busy.run, [meet.wait] * 2))
    assert 0 < busy.seconds() <= time.perf_counter() - started
    assert busy.seconds() == busy.seconds()  # nothing runs, so it stands still


def test_waiting_and_calls_are_different_times():
    images = Pass(jobs_of("igie", "ixrt"), IMAGES, IMAGES.__getitem__, skip_bad_images=True)
    started = time.perf_counter()
    assert any(isinstance(found, Detections) for _, (_, found) in images)
    assert 0 < images.busy.seconds() + images.waited_s <= time.perf_counter() - started
