"""Lines are whole, or not there."""

import errno
import json
import os

import pytest

from retinaface.errors import OutputError
from retinaface.suite.soak.log import Log


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_line_is_there_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "new" / "log.jsonl"
    with Log(path) as log:
        for i in range(3):
            log.append({"i": i, "x": float("nan")})
            assert lines(path)[-1] == {"i": i, "x": "nan"}
            assert path.read_text().endswith("\n")
    assert [line["i"] for line in lines(path)] == [0, 1, 2]
    assert log.problem == ""


def test_without_a_path_lines_go_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Log(None) as log:
        log.append({"i": 1})
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_is_left_alone(tmp_path):
    for content in ("mine", '{"a": 1}\n', "[1]"):
        (tmp_path / "log").write_text(content)
        with pytest.raises(OutputError, match="something else than samples of a soak; name a new"):
            Log(tmp_path / "log")
        assert (tmp_path / "log").read_text() == content
    with pytest.raises(OutputError, match="it is a folder"):
        Log(tmp_path)


def test_a_file_appears_with_its_first_line_so_that_bad_input_leaves_none(tmp_path):
    with Log(tmp_path / "log"):
        pass
    assert not (tmp_path / "log").exists()


def test_the_next_run_goes_on_behind_the_last_whole_line(tmp_path):
    (tmp_path / "log").write_text('{"soak_version": 1}\n{"at_s": 1}\n{"at_s": 2, "n_ca')
    with Log(tmp_path / "log") as log:
        log.append({"soak_version": 1})
    assert lines(tmp_path / "log") == [{"soak_version": 1}, {"at_s": 1}, {"soak_version": 1}]


@pytest.mark.parametrize("how", ["refuses", "takes half"])
def test_a_full_disk_loses_no_line_and_leaves_no_half_one(tmp_path, monkeypatch, how):
    path, write = tmp_path / "log", os.pwrite

    def full(fd, data, offset):
        if how == "refuses":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) // 2], offset)

    with Log(path) as log:
        log.append({"i": 0})
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            log.append({"i": 1})
            log.append({"i": 2})
            assert lines(path) == [{"i": 0}]
            assert str(path) in log.problem
        log.append({"i": 3})
    assert [line["i"] for line in lines(path)] == [0, 1, 2, 3]
    assert log.problem == ""
