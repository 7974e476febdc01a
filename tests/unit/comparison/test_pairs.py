"""Results of two runs are paired, and a pair has a name."""

from retinaface.comparison.pairs import Pair, matched_pairs, old_id
from tests.support.made.records import RESULT, make_run
from tests.support.made.traced_records import GIVEN, make_traced_run


def ids(*runs):
    return sorted(pair.ids for pair in matched_pairs(*runs))


def test_results_of_two_engines_are_paired_by_pipeline_and_batch(tmp_path):
    old = make_run(tmp_path / "a", ids=(RESULT, "ort-cpu-fp32--ixrt--b32"))
    new = make_run(tmp_path / "b", ids=("vendor-npu-fp16--igie--b32", "ort-cpu-fp32--ixrt--b32"))
    assert ids(old, new) == [
        ("ort-cpu-fp32--igie--b32", "vendor-npu-fp16--igie--b32"),
        ("ort-cpu-fp32--ixrt--b32", "ort-cpu-fp32--ixrt--b32"),
    ]


def test_results_are_paired_by_setting_only_where_that_is_unambiguous(tmp_path):
    old = make_run(tmp_path / "a")
    assert ids(old, make_run(tmp_path / "b", ids=("x-fp32--igie--b32", "y--igie--b32"))) == []


def test_an_engine_is_paired_with_that_of_its_precision_where_a_run_has_several(tmp_path):
    old = make_run(tmp_path / "a", ids=(RESULT, "ort-cpu-fp16--igie--b32"))
    new = make_run(tmp_path / "b", ids=("x-fp16--igie--b32",))
    assert ids(old, new) == [("ort-cpu-fp16--igie--b32", "x-fp16--igie--b32")]
    other = make_run(tmp_path / "c", ids=("y-fp16--igie--b32", "z-fp16--igie--b32"))
    assert ids(old, other) == []


def test_a_pair_of_two_ids_is_called_by_both_and_found_by_the_old_one(tmp_path):
    old, new = make_run(tmp_path / "a"), make_run(tmp_path / "b", ids=("x--igie--b32",))
    (pair,) = matched_pairs(old, new)
    assert pair.name == f"{RESULT} -> x--igie--b32"
    assert old_id(pair.name) == RESULT
    assert [result.id for result in pair.results] == [RESULT, "x--igie--b32"]
    assert Pair((old, old), (RESULT, RESULT)).name == RESULT


def test_images_are_those_that_both_trace(tmp_path):
    runs = make_traced_run(tmp_path / "a"), make_traced_run(tmp_path / "b", GIVEN[1:])
    (pair,) = matched_pairs(*runs)
    assert [(one.image, other.image) for one, other in pair.images] == [("e/1", "e/1")]
    assert pair.models == (None, None)
