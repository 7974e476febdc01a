from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.records.result_id import ResultId
from retinaface.suite.judged import evaluations
from retinaface.suite.judged.evaluations import Measured, Witness, measure, record_evaluation
from retinaface.suite.run import ValidationRun
from retinaface.suite.target import Target
from tests.support.engines import Counting, Showing, images, spec
from tests.support.made.records import evaluation


def test_a_witness_counts_images_and_passes_them_on():
    inner = Counting(spec())
    witness = Witness(inner)
    for n in (2, 1):
        outputs, expected = witness.infer(images(n, n)), inner.infer(images(n, n))
        for one, other in zip(outputs, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert witness.n_images == 3
    assert [len(batch) for batch in inner.batches] == [2, 2, 1, 1]


def test_a_witness_answers_for_the_engine_behind_it():
    inner = Counting(spec(name="inner", max_batch=4), fixed_batch=4)
    witness = Witness(inner)
    assert witness.spec is inner.spec
    assert witness.fixed_batch == 4
    assert witness.describe() == {"name": "inner"}


def test_the_filling_of_a_fixed_batch_is_not_counted():
    witness = Witness(Counting(spec(max_batch=4), fixed_batch=4))
    assert witness.infer(images(3)).loc.shape == (3, 4200, 4)
    assert witness.n_images == 3


def test_bad_input_is_refused_by_the_engine_behind_it():
    witness = Witness(Counting(spec()))
    with pytest.raises(TypeError, match="must be float32, got float64"):
        witness.infer(images(1).astype(np.float64))


def test_a_witness_shows_intermediates():
    found = Witness(Showing(spec())).infer_intermediates(images(2, 3.0), ["mean"])
    assert found["mean"].tolist() == [3, 3]


def test_closing_a_witness_leaves_the_engine_open():
    inner = Counting(spec())
    with Witness(inner):
        pass
    assert inner.infer(images(1)).loc.shape == (1, 4200, 4)


def test_an_evaluation_counts_the_images_that_the_engine_ran(monkeypatch):
    def run(engine, pipeline, dataset, truth, *, batch_size, **_):
        engine.infer(images(2))
        engine.infer(images(1))
        return SimpleNamespace(detections={"a": None, "b": None}, batch_size=batch_size)

    monkeypatch.setattr(evaluations, "evaluate", run)
    monkeypatch.setattr(evaluations, "trace", lambda _engine, _pipeline, traced: list(traced))
    inner = Counting(spec(name="inner"))
    pool = SimpleNamespace(target=Target(batch=7), get=lambda name, size_px: inner)
    dataset = SimpleNamespace(select=lambda subset: None, read_bytes=str.encode)
    measured = measure(pool, dataset, "inner", "igie")
    assert (measured.n_inferred, measured.batch, measured.evaluation.batch_size) == (3, 7, 7)
    assert measured.engine == {"name": "inner"}
    assert sorted(measured.stages) == ["a", "b"]
    own = SimpleNamespace(target=Target(), get=pool.get)
    assert measure(own, dataset, "inner", "upstream-640").batch == 1  # the pipeline's own


def test_any_test_that_evaluates_records_ap_and_detections():
    run, engine = ValidationRun({}, None), {"name": "x", "precision": "fp32"}
    measured = Measured(evaluation(), 60, 32, engine, [], None)
    record_evaluation(run, ResultId("x-cpu-fp32", "igie", 32), measured, "covers all")
    (name,) = run.results
    assert name == "x-cpu-fp32--igie--b32"
    assert run.results[name]["ap"] == measured.evaluation.ap
    assert run.results[name]["coverage"] == "covers all"
    assert run.kept[name].counts is measured.evaluation.counts
