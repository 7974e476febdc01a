"""The types of a record, and the JSON schema that follows from them."""

import json

import jsonschema
import msgspec
import pytest

from retinaface.records.result_id import ResultId
from retinaface.records.schema import CheckResult, Fidelity, Result, json_schema
from retinaface.verdicts import Check, Verdict
from tests.support.made.records import entry, fidelity, make_run


def test_a_record_keeps_its_own_schema(tmp_path):
    tests = [entry("s.py::a"), entry("s.py::b", "SKIPPED", "needs cuda")]
    speed = {"network": {"samples_s": [0.1], "median_s": 0.1}}
    run = make_run(
        tmp_path / "run", tests=tests, result={"fidelity": [fidelity("inf")], "speed": speed}
    )
    record = json.loads((run.folder / "record.json").read_text())
    jsonschema.validate(record, json_schema())
    record["results"][0]["speed"]["network"]["median_s"] = "fast"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, json_schema())


def test_what_was_not_measured_is_absent():
    assert msgspec.to_builtins(Result(id="a--igie--b1")) == {"id": "a--igie--b1"}


def test_a_result_knows_its_engine_pipeline_and_batch():
    assert Result(id="my-engine-fp16--igie--b8").key == ResultId("my-engine-fp16", "igie", 8)


def test_a_check_is_kept_with_its_margin():
    check = Check("x", Verdict.FAIL, "why", {"n": 1}, 1.5, 1.0, 0.25, "points")
    kept = msgspec.convert(check.as_json(), CheckResult)
    assert (kept.value, kept.baseline, kept.limit, kept.margin) == (1.5, 1.0, 0.25, -0.25)
    assert (kept.verdict, kept.unit, kept.numbers) == (Verdict.FAIL, "points", {"n": 1})


def test_words_are_read_as_numbers():
    kept = msgspec.convert(fidelity("nan", max_abs="inf"), Fidelity, strict=False)
    assert kept.ratio != kept.ratio
    assert kept.max_abs == float("inf")
