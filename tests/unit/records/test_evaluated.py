"""An evaluation is kept alike by `evaluate` and by `validate`."""

from retinaface.records.evaluated import evaluated_arrays, evaluated_result
from retinaface.records.result_id import ResultId
from tests.support.made.records import IMAGES, N, evaluation

ENGINE = {"name": "x", "device": "cpu"}


def test_a_result_holds_what_was_run_and_what_was_measured():
    found = evaluation()
    name = ResultId("x-cpu-fp16", "igie", 32)
    result = evaluated_result(name, found, ENGINE, precision="fp16", coverage="all", scoring="ixrt")
    assert result["id"] == "x-cpu-fp16--igie--b32"
    keys = ("pipeline", "precision", "batch", "scoring", "coverage")
    assert [result[key] for key in keys] == ["igie", "fp16", 32, "ixrt", "all"]
    assert result["ap"] == found.ap
    assert (result["n_images"], result["n_detections"], result["detect_s"]) == (N, 6 * N, 2.0)
    assert len(result["image_files_sha256"]) == 64


def test_detections_counts_and_the_model_are_kept(tmp_path):
    found = evaluation()
    kept = evaluated_arrays(found, [], tmp_path)
    assert (kept.detections, kept.counts, kept.images) == (found.detections, found.counts, IMAGES)
    assert (kept.stages, kept.model) == ([], tmp_path)
