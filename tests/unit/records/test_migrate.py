"""Records of older versions keep their content, in the fields of this version."""

from pathlib import Path

import pytest

from retinaface.errors import RecordError
from retinaface.records.migrate import SCHEMA_VERSION, upgrade

PATH = Path("record.json")


def of_version_2(*names, target=()):
    worst = {"case": "noise", "output": "conf", "max_abs": 1e-5, "floor_max": 1e-6}
    numbers = {"worst": worst, "ratio": 1.25}
    checks = [{"name": n, "verdict": "FAIL", "message": "", "numbers": numbers} for n in names]
    tests = [{"id": "t", "verdict": "FAIL", "reason": "", "checks": checks}]
    return {"schema_version": 2, "results": [], "tests": tests, "target": dict(target)}


@pytest.mark.parametrize(
    ("name", "target", "result", "variant"),
    [
        ("ort-cpu-fp32, batch 3", {}, "ort-cpu-fp32--igie--b3", ""),
        ("my:engine-fp16 against FP16 rounding, batch 1", {}, "my:engine-fp16--igie--b1", ""),
        (
            "ort-cpu-fp32 on dynamo-18-raw.onnx, batch 32",
            {"pipelines": ["upstream-640", "ixrt"]},
            "ort-cpu-fp32--ixrt--b32",
            "dynamo-18-raw",
        ),
        (
            "x on mine.onnx, batch 1",
            {"models": ["mine.onnx"]},
            "x--igie--b1",
            "given",
        ),
    ],
)
def test_errors_of_raw_outputs_move_to_their_result(name, target, result, variant):
    (found,) = upgrade(of_version_2(name, target=target), PATH)["results"]
    assert found["id"] == result
    (error,) = found["fidelity"]
    assert (error["variant"], error["kind"], error["output"]) == (variant, "noise", "all")
    assert (error["ratio"], error["max_abs"], error["floor_max"]) == (1.25, 1e-5, 1e-6)


def test_what_no_engine_under_test_gave_stays_a_check():
    assert upgrade(of_version_2("torch-cpu-fp16"), PATH)["results"] == []


def test_a_result_that_is_there_is_completed():
    record = of_version_2("a, batch 1") | {"results": [{"id": "a--igie--b1", "n_images": 3}]}
    (found,) = upgrade(record, PATH)["results"]
    assert found["n_images"] == 3
    assert len(found["fidelity"]) == 1
    assert "fidelity" not in record["results"][0]


def test_what_version_1_did_not_keep_is_absent():
    record = upgrade({"schema_version": 1, "results": [{"id": "a"}]}, PATH)
    assert (record["schema_version"], record["verdict"]) == (SCHEMA_VERSION, None)
    assert (record["state"], record["tests"]) == ("finished", [])


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, "2", None])
def test_a_version_that_is_not_known_is_refused(version):
    with pytest.raises(RecordError, match=f"schema version {version!r}, this release reads 1 to"):
        upgrade({"schema_version": version}, PATH)
