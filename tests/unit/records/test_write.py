import json

import numpy as np
import pytest

from retinaface.detection.detections import pack_detections
from retinaface.records.write import (
    Kept,
    images_sha256,
    json_safe,
    new_record,
    write_crash,
    write_record,
)
from retinaface.storage.hashing import file_sha256
from tests.support.made.onnx_models import naming_weights
from tests.support.made.records import RESULT, detections
from tests.support.made.traced_records import make_traced_run, write_model


def test_a_record_is_one_folder_with_both_files(tmp_path):
    by_image = {"e/a": detections(2, 0), "e/b": detections(0, 0), "e/c": detections(1, 7)}
    write_record(tmp_path, new_record() | {"ap": {"easy": 0.5}}, {"id": Kept(by_image)})
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["schema_version"] == 3
    assert record["ap"] == {"easy": 0.5}
    assert record["environment"]["packages"]["numpy"] == np.__version__
    with np.load(tmp_path / "detections.npz") as arrays:
        assert arrays["id/images"].tolist() == ["e/a", "e/b", "e/c"]
        assert arrays["id/offsets"].tolist() == [0, 2, 2, 3]
        assert arrays["id/boxes"].shape == (3, 4)
        assert arrays["id/landmarks"].shape == (3, 5, 2)
        assert arrays["id/scores"].tolist() == [0, 1, 7]


def test_nan_and_infinity_become_words():
    value = {"a": [float("nan"), (1.5, np.float64("-inf"))], 3: {"b": None, "c": np.float64(2)}}
    safe = json_safe(value)
    assert safe == {"a": ["nan", [1.5, "-inf"]], "3": {"b": None, "c": 2.0}}
    json.dumps(safe, allow_nan=False)


def test_a_record_that_lacks_a_field_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="missing required field `command`"):
        write_record(tmp_path, {"schema_version": 3}, {"id": Kept({"e/a": detections(1, 0)})})
    assert not (tmp_path / "record.json").exists()


def test_a_damaged_manifest_costs_no_record_and_is_named_in_it(tmp_path):
    model = write_model(tmp_path, "model")
    model.with_suffix(".json").write_text("{")
    kept = make_traced_run(tmp_path / "run", model=model).results[RESULT].model
    assert (kept.manifest, kept.file) == (None, "model.onnx")
    assert kept.manifest_problem.startswith("cannot read the manifest ")


def test_packing_nothing_found_keeps_the_shapes():
    packed = pack_detections({"e/a": detections(0, 0)})
    assert packed["boxes"].shape == (0, 4)
    assert packed["landmarks"].shape == (0, 5, 2)


def test_the_hash_of_images_does_not_depend_on_their_order():
    both = {"a": "1" * 64, "b": "2" * 64}
    assert images_sha256(both) == images_sha256(dict(reversed(both.items())))
    for other in (
        {"a": "1" * 64, "c": "2" * 64},
        {"a": "1" * 64, "b": "3" * 64},
        {"a": "2" * 64, "b": "1" * 64},
        {"a": "1" * 64},
    ):
        assert images_sha256(both) != images_sha256(other)


def test_the_weights_beside_a_graph_are_hashed_with_it(tmp_path):
    model, weights = tmp_path / "m.onnx", tmp_path / "m.onnx.data"
    model.write_bytes(naming_weights(weights.name))
    weights.write_bytes(b"weights")
    (tmp_path / "run").mkdir()
    record = new_record() | {"results": [{"id": "id"}]}
    write_record(tmp_path / "run", record, {"id": Kept({"e/a": detections(1, 0)}, model=model)})
    written = json.loads((tmp_path / "run" / "record.json").read_text())
    assert written["results"][0]["model"]["weights"] == {weights.name: file_sha256(weights)}


def test_the_test_that_ran_fails_with_what_happened(tmp_path):
    tests = [{"id": "a", "verdict": "PASS"}, {"id": "b", "verdict": None}]
    content = {"state": "running", "running": "b", "verdict": None, "tests": tests}
    (tmp_path / "record.json").write_text(json.dumps(content))
    write_crash(tmp_path, "gave no answer within 3 s", "b")
    record = json.loads((tmp_path / "record.json").read_text())
    assert record == {
        "state": "crashed",
        "running": "b",
        "verdict": "FAIL",
        "crash": "gave no answer within 3 s",
        "tests": [
            {"id": "a", "verdict": "PASS"},
            {"id": "b", "verdict": "FAIL", "reason": "gave no answer within 3 s"},
        ],
    }


def test_a_folder_without_a_readable_record_stays_as_it_is(tmp_path):
    write_crash(tmp_path, "gone", None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "record.json").write_text("{half")
    write_crash(tmp_path, "gone", None)
    assert (tmp_path / "record.json").read_text() == "{half"
