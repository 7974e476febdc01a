"""What the matrix and the first screen show, and in which order."""

import numpy as np

from retinaface.comparison.compare import compare_runs
from retinaface.report.content import build_page, changes_text, moved_texts
from retinaface.report.matrix import build_matrix
from tests.support.made.records import RESULT, N, entry, fidelity, make_run

FP16 = "ort-cpu-fp16--igie--b32"
LONE = "ort-cpu-fp32--ixrt--b8"


def page_of(*runs):
    return build_page("t", runs, [compare_runs(runs[0], run) for run in runs[1:]], [], [])


def test_results_that_were_compared_share_their_rows(tmp_path):
    runs = make_run(tmp_path / "a"), make_run(tmp_path / "b", ids=(FP16, LONE))
    groups = build_matrix(runs, [compare_runs(*runs)])
    assert [(group.subject, group.others) for group in groups] == [
        (RESULT, {"b": FP16}),
        (LONE, {}),
    ]
    easy = groups[0].rows[0]
    assert (easy.metric, [cell.text for cell in easy.cells]) == ("AP easy", ["100.00", "100.00"])
    assert [cell.verdict for cell in easy.cells] == ["", "PASS"]


def test_what_moved_stands_first_and_what_is_not_judged_last(tmp_path):
    speed = {"speed": {"network": {"median_s": 0.1, "samples_s": [0.1] * 9}}}
    ids = (RESULT, LONE)
    runs = [
        make_run(tmp_path / "a", result=speed, ids=ids),
        make_run(tmp_path / "b", result=speed, ids=ids, shift=20.0),
    ]
    (first, *_) = build_matrix(runs, [compare_runs(*runs)])
    assert [row.metric for row in first.rows] == [
        "detections",
        "AP easy",
        "AP medium",
        "AP hard",
        "time of network",
    ]
    assert (first.rows[0].cells[1].text, first.rows[0].cells[1].verdict) == ("100", "FAIL")


def test_the_old_run_shows_its_value_where_only_a_comparison_knows_it(tmp_path):
    runs = []
    for name, ratio in (("a", 0.4), ("b", 2.0)):
        runs.append(make_run(tmp_path / name, result={"fidelity": [fidelity(ratio)]}))
    (group,) = build_matrix(runs, [compare_runs(*runs)])
    assert group.rows[0].metric == "fidelity of loc on scene"
    assert [cell.text for cell in group.rows[0].cells] == ["0.4", "2"]


def test_the_run_that_moved_is_read_first(tmp_path):
    moved = make_run(tmp_path / "z", hits=np.arange(N) > 20)
    page = page_of(make_run(tmp_path / "a"), make_run(tmp_path / "b"), moved)
    assert [page.sentences[i][0] for i in page.reading_order] == ["z", "a", "b"]


def test_what_else_moved_is_listed_and_cut(tmp_path):
    ids = [f"ort-cpu-fp32--igie--b{n}" for n in (1, 8, 32)]
    runs = make_run(tmp_path / "a", ids=ids), make_run(tmp_path / "b", ids=ids, shift=20.0)
    texts = moved_texts(compare_runs(*runs))
    assert len(texts) == 5
    assert texts[0].startswith("FAIL: ")
    assert texts[-1].endswith("more, in the matrix")


def test_versions_are_named_first_and_long_facts_are_not_written_out(tmp_path):
    facts = {"cpu": ["x", "y"], "libc": ["1" * 80, "2" * 80]}
    packages = [{"numpy": "2.0", "onnxruntime": "1.18.1"}, {"numpy": "2.1", "onnxruntime": "1.32"}]
    runs = []
    for i, name in enumerate("ab"):
        environment = {"packages": packages[i]} | {key: value[i] for key, value in facts.items()}
        runs.append(make_run(tmp_path / name, environment=environment))
    text = changes_text(compare_runs(*runs))
    assert text.startswith("numpy 2.0 → 2.1; onnxruntime 1.18.1 → 1.32; ")
    assert text.endswith("; libc")
    assert "cpu x → y" in text
    assert changes_text(compare_runs(runs[0], runs[0])) == "nothing that both runs describe"


def test_a_reason_that_all_runs_share_is_one_row(tmp_path):
    skipped = [entry("t::a", "SKIPPED", "needs cuda"), entry("t::b", "SKIPPED", "needs cuda")]
    own = [*skipped, entry("t::c", "SKIPPED", "needs torch")]
    page = page_of(make_run(tmp_path / "a", tests=own), make_run(tmp_path / "b", tests=skipped))
    assert [(skip.runs_text(page.runs), skip.reason, skip.n) for skip in page.skips] == [
        ("all", "needs cuda", 2),
        ("a", "needs torch", 1),
    ]
