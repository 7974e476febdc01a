import json

from retinaface.records.crash import write_crash


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
