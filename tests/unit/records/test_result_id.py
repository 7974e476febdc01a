import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinaface.records.result_id import ResultId, array_prefix
from retinaface.records.write import Kept, new_record, write_record
from tests.support.made.records import detections

NAMES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,2}", fullmatch=True)


def test_an_id_reads_engine_pipeline_and_batch():
    assert str(ResultId("ort-cpu-fp32", "igie", 32)) == "ort-cpu-fp32--igie--b32"
    assert str(ResultId("ort-cpu-fp32")) == "ort-cpu-fp32"


@given(NAMES, NAMES, st.integers(1, 4096))
def test_what_is_put_together_is_taken_apart(engine, pipeline, batch):
    for one in (ResultId(engine, pipeline, batch), ResultId(engine)):
        assert ResultId.parse(str(one)) == one


@pytest.mark.parametrize("text", ["x", "x--igie", "x--igie--32", "x--igie--b", "--igie--b8", ""])
def test_an_id_of_another_form_is_an_engine_alone(text):
    assert ResultId.parse(text) == ResultId(text)
    assert ResultId.parse(text).setting is None


def test_results_of_two_engines_share_pipeline_and_batch():
    one, other = (ResultId.parse(f"{engine}--igie--b8") for engine in ("a", "b"))
    assert one.setting == other.setting == ("igie", 8)
    assert one.setting != ResultId("a", "igie", 1).setting


def test_arrays_are_named_by_their_result(tmp_path):
    name = str(ResultId("a", "igie", 8))
    write_record(tmp_path, new_record(), {name: Kept({"e/a": detections(1, 0)})})
    with np.load(tmp_path / "detections.npz") as arrays:
        assert all(key.startswith(array_prefix(name)) for key in arrays.files)
