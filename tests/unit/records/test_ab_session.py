import json

import pytest

from retinaface.errors import RecordError
from retinaface.records.ab_session import AB_VERSION, read_sessions
from tests.support.sessions import make_session


def write(path, **changes):
    path.write_text(json.dumps(make_session() | changes))
    return path


def test_a_folder_of_sessions_is_read_by_name(tmp_path):
    write(tmp_path / "b.json", batch=1)
    write(tmp_path / "a.json")
    found = read_sessions([tmp_path])
    assert [(session.name, session.batch) for session in found] == [("a", 32), ("b", 1)]
    assert str(found[0].verdict) == "PASS"
    assert found[0].speed.power == 1.05


def test_a_file_is_read_by_itself(tmp_path):
    assert [one.name for one in read_sessions([write(tmp_path / "a.json")])] == ["a"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ab_version": AB_VERSION - 1}, "ab_version"),
        ({"verdict": "FINE"}, "FINE"),
        ({"speed": {}}, "speed"),
    ],
)
def test_a_session_that_is_not_whole_is_refused(tmp_path, changes, words):
    path = write(tmp_path / "a.json", **changes)
    with pytest.raises(RecordError, match=words) as caught:
        read_sessions([path])
    assert "run ab again with --json" in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_without_sessions_and_a_file_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(RecordError, match="holds no session"):
        read_sessions([tmp_path])
    with pytest.raises(RecordError, match="none.json"):
        read_sessions([tmp_path / "none.json"])
