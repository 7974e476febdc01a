from types import SimpleNamespace

from retinaface.records.result_id import ResultId
from retinaface.suite.judged import evaluations
from retinaface.suite.judged.evaluations import Measured, measure, record_evaluation
from retinaface.suite.judged.witness import Seen
from retinaface.suite.run import ValidationRun
from retinaface.suite.target import Target
from tests.support.engines import Counting, images, spec
from tests.support.made.records import evaluation


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
    assert len(measured.seen.sketches) == 3
    own = SimpleNamespace(target=Target(), get=pool.get)
    assert measure(own, dataset, "inner", "upstream-640").batch == 1  # the pipeline's own


def test_any_test_that_evaluates_records_ap_and_detections():
    run, engine = ValidationRun({}, None), {"name": "x", "precision": "fp32"}
    measured = Measured(evaluation(), 60, 32, engine, [], None, Seen((), ()))
    record_evaluation(run, ResultId("x-cpu-fp32", "igie", 32), measured, "covers all")
    (name,) = run.results
    assert name == "x-cpu-fp32--igie--b32"
    assert run.results[name]["ap"] == measured.evaluation.ap
    assert run.results[name]["coverage"] == "covers all"
    assert run.kept[name].counts is measured.evaluation.counts
