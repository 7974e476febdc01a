"""What stands beside a verdict is in the record, and is said of older records too."""

import json

import numpy as np

from retinaface.assets import EMBEDDED_CHECKPOINT_SHA256
from retinaface.records.read import read_run
from retinaface.records.warnings import all_warnings, weights_warning
from tests.support.made.records import RESULT, N, make_run

NOTHING = {"ap": dict.fromkeys(("easy", "medium", "hard"), 0.0)}


def test_results_that_find_next_to_nothing_follow_what_was_noted_each_once():
    results = [{"id": "a", **NOTHING}, {"id": "b", "ap": {"easy": 0.8}}, {"id": "c"}]
    found = all_warnings(["limits"], results)
    assert found[0] == "limits"
    assert [text.partition(":")[0] for text in found[1:]] == ["a"]
    assert all_warnings(found, results) == found


def test_a_checkpoint_that_finds_next_to_nothing_is_named_unless_it_is_known():
    nothing, found = {"id": "a", **NOTHING}, {"id": "a", "ap": {"easy": 0.8}}
    (text,) = weights_warning("w.pth", "0" * 64, [found, nothing])
    assert text.startswith("w.pth is neither the published checkpoint nor the embedded one: ")
    assert weights_warning("w.pth", "0" * 64, [found]) == []
    assert weights_warning("embedded", EMBEDDED_CHECKPOINT_SHA256, [nothing]) == []


def test_a_record_keeps_its_warnings_and_one_without_them_gets_them_when_it_is_read(tmp_path):
    noted = ["limits wider than the suite's own"]
    run = make_run(tmp_path / "run", hits=np.zeros(N, bool), warnings=noted)
    assert run.warnings == run.record.warnings
    assert run.warnings[0] == "limits wider than the suite's own"
    assert run.warnings[1].startswith(f"{RESULT}: AP next to 0 (easy 0.00 %, ")
    path = run.folder / "record.json"
    record = json.loads(path.read_text())
    del record["warnings"]
    path.write_text(json.dumps(record))
    assert read_run(run.folder).warnings == run.warnings[1:]
    assert make_run(tmp_path / "fine").warnings == []


def test_scored_predictions_have_been_warned_of_beside_their_files():
    """AP is low there for want of files, too, which `score` tells apart."""
    result = {"id": "predictions", "source": "predictions", "ap": {"hard": 0.0}, "n_images": 9}
    assert all_warnings(["noted"], [result]) == ["noted"]
