"""The command line, run inside this process."""

import json
import re
import sys

import pytest

from retinaface.cli import main
from retinaface.cli.supervision import supervise as supervisor
from tests.support.children import BEGIN
from tests.support.made.records import make_run
from tests.support.made.widerface_copy import write_vendor_layout


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "any.model").touch()  # for engines of the tests, which do not read it

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        # What long work says of itself depends on what the cache holds.
        return end.value.code, out, re.sub(r"^.* \.\.\.\n", "", err, flags=re.MULTILINE)

    return call


@pytest.fixture
def refuse(run):
    """Run a command that must fail with one line and exit code 2."""

    def call(*arguments, match):
        code, out, err = run(*arguments)
        assert code == 2
        assert re.fullmatch(r"retinaface: error: [^\n]+\n", err), err
        assert re.search(match, err), err
        assert out == ""

    return call


@pytest.fixture
def supervise(tmp_path, capfd):
    """Run a child in a folder that is both checkout and record."""

    def call(code, timeout=30.0, kept=None):
        command = [sys.executable, "-c", BEGIN + code]
        result = supervisor.supervise(command, tmp_path, tmp_path, timeout, kept=kept).code
        path = tmp_path / "record.json"
        return result, capfd.readouterr().out, json.loads(path.read_text()) if path.exists() else {}

    return call


@pytest.fixture
def widerface(tmp_path):
    return write_vendor_layout(tmp_path / "wf")


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    make_run(folder / "a")
    make_run(folder / "b", shift=20.0)
    return folder
