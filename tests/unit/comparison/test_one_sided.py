"""What only one run has is named, with that run."""

from retinaface.comparison.one_sided import lone_parts
from retinaface.comparison.pairs import matched_pairs
from tests.support.made.records import RESULT, entry, fidelity, make_run


def lone(one, other):
    parts = lone_parts(one, other, matched_pairs(one, other))
    return {(found.kind, found.id, found.side) for found in parts}


def test_a_speed_that_vanished_is_mentioned(tmp_path):
    samples = {"samples_s": [0.1, 0.2]}
    both = {"network": samples, "end-to-end": samples}
    old = make_run(tmp_path / "old", result={"speed": both})
    new = make_run(tmp_path / "new", result={"speed": {"network": samples}})
    assert lone(old, new) == {("figure", f"time of end-to-end of {RESULT}", "old")}
    assert lone(new, old) == {("figure", f"time of end-to-end of {RESULT}", "new")}


def test_ap_and_fidelity_that_vanished_are_mentioned(tmp_path):
    old = make_run(tmp_path / "old", result={"fidelity": [fidelity(0.1)]})
    new = make_run(tmp_path / "new", result={"ap": {}})
    assert lone(old, new) == {
        ("figure", f"AP of {RESULT}", "old"),
        ("figure", f"fidelity of {RESULT}", "old"),
    }


def test_a_result_without_a_counterpart_is_named_once(tmp_path):
    old, new = make_run(tmp_path / "old"), make_run(tmp_path / "new", ids=("x--ixrt--b1",))
    assert lone(old, new) == {
        ("result", RESULT, "old"),
        ("result", "x--ixrt--b1", "new"),
    }


def test_tests_that_one_run_skipped_carry_the_reason(tmp_path):
    old = make_run(tmp_path / "old", tests=[entry("s.py::a")])
    new = make_run(tmp_path / "new", tests=[entry("s.py::a", "SKIPPED", "needs torch: none")])
    (found,) = lone_parts(old, new, matched_pairs(old, new))
    assert (found.kind, found.side, found.reason) == (
        "test",
        "old",
        "skipped: needs torch: none",
    )
