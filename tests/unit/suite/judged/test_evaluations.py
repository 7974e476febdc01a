import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.detection.pipelines import PIPELINES
from retinaface.errors import EngineUnavailable
from retinaface.records.result_id import ResultId
from retinaface.suite.judged.evaluations import (
    Measured,
    evaluate_for_run,
    measure,
    record_evaluation,
)
from retinaface.suite.judged.witness import Seen
from retinaface.suite.run import ValidationRun
from retinaface.suite.target import Target
from retinaface.telling.work import shown_by
from retinaface.widerface.dataset import open_widerface
from tests.support.made.records import evaluation
from tests.support.made.widerface_copy import IMAGES, write_vendor_layout
from tests.support.widerface import FreeFinder


@pytest.fixture
def dataset(tmp_path):
    return open_widerface(write_vendor_layout(tmp_path))


def pool_of(engine, **target):
    return SimpleNamespace(target=Target(**target), get=engine)


def free(name, size_px, shares_cpus):
    return FreeFinder(name=name)


def broken(name, size_px, shares_cpus):
    if size_px is None:
        raise EngineUnavailable("takes no free size")
    return free(name, size_px, shares_cpus)


def test_each_pipeline_counts_the_images_that_the_engine_ran_for_it(dataset):
    found, spent = measure(pool_of(free, batch=7), dataset, "inner", ["igie", "upstream-640"])
    for measured in found.values():
        assert (measured.n_inferred, measured.batch) == (len(IMAGES), 7)
        assert len(measured.seen.sketches) == len(IMAGES)
        assert measured.engine == {"name": "inner", "precision": "fp32"}
    assert spent.inference_s > 0
    own, _ = measure(pool_of(free), dataset, "inner", ["upstream-640"])
    assert own["upstream-640"].batch == 1  # the pipeline's own


def test_one_pass_gives_what_single_ones_give(dataset):
    together, _ = measure(pool_of(free), dataset, "inner", list(PIPELINES))
    for name in PIPELINES:
        alone = measure(pool_of(free), dataset, "inner", [name])[0][name]
        ours = together[name]
        assert ours.evaluation.ap == alone.evaluation.ap
        assert ours.evaluation.image_sha256 == alone.evaluation.image_sha256
        for image, found in alone.evaluation.detections.items():
            same = ours.evaluation.detections[image]
            np.testing.assert_array_equal(same.boxes_xyxy, found.boxes_xyxy)
        for one, other in zip(ours.seen.rows, alone.seen.rows, strict=True):
            np.testing.assert_array_equal(one.inputs, other.inputs)


def test_a_pipeline_that_the_engine_cannot_run_does_not_hide_the_others(dataset):
    found, _ = measure(pool_of(broken), dataset, "inner", ["upstream-320", "igie"])
    assert isinstance(found["upstream-320"], EngineUnavailable)
    assert found["igie"].n_inferred == len(IMAGES)
    found, spent = measure(pool_of(broken), dataset, "inner", ["upstream-320"])
    assert [*found] == ["upstream-320"]
    assert spent.inference_s == 0


def test_a_run_is_told_what_is_evaluated_and_where_the_time_went(dataset):
    run, told = ValidationRun({}, None), []

    @contextlib.contextmanager
    def show(what):
        told.append(what)
        yield

    with shown_by(show):
        evaluate_for_run(run, pool_of(free), dataset, "inner-cpu-fp32", ["igie"])
    assert told == [f"inner-cpu-fp32: {len(IMAGES)} images, igie"]
    assert {"decoding", "inference", "scoring"} <= set(run.times)


def test_any_test_that_evaluates_records_ap_and_detections():
    run, engine = ValidationRun({}, None), {"name": "x", "precision": "fp32"}
    measured = Measured(evaluation(), 60, 32, engine, [], None, Seen((), ()))
    record_evaluation(run, ResultId("x-cpu-fp32", "igie", 32), measured, "covers all")
    (name,) = run.results
    assert name == "x-cpu-fp32--igie--b32"
    assert run.results[name]["ap"] == measured.evaluation.ap
    assert run.results[name]["coverage"] == "covers all"
    assert run.kept[name].counts is measured.evaluation.counts
