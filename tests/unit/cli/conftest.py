"""The command line, run inside this process."""

import re

import pytest

from retinaface.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "any.model").touch()  # what engines of the tests are given; they do not read it

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return end.value.code, out, err

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
