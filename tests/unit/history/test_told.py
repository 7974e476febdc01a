"""What is told of a folder: changes with what else changed there."""

from retinaface.history.index import read_history
from retinaface.history.series import lines_of
from retinaface.history.told import tell
from tests.support.histories import write_history


def test_each_change_comes_with_what_else_changed(tmp_path):
    write_history(tmp_path, [46.5] * 8 + [45.9] * 8, packages={8: {"onnxruntime": "1.32.0"}})
    found = read_history(tmp_path)
    told = tell(found, lines_of(found.rows), None)
    assert [(one.after.name, facts) for one, facts in told.breaks] == [
        ("run-0008", "onnxruntime 1.31.1 -> 1.32.0")
    ]
    assert told.history is found
