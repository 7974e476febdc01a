"""The end of a validation as JSON, with small children in place of the run."""

import json
import sys

import click
import pytest

from retinaface.cli.output.options import STDOUT
from retinaface.cli.supervision.answer import run_and_answer
from tests.support.children import BEGIN, TEST
from tests.support.made.records import make_run

SAYS = "print('tools may print'); "


@pytest.fixture
def answer(tmp_path, capfd):
    """Run a child whose record is made already; give exit code, standard output and error."""

    def call(code, json_file=STDOUT, words=()):
        command = [sys.executable, "-c", BEGIN + code]
        folder = make_run(tmp_path / "run").folder
        with click.Context(click.Command("validate")).scope():
            ended = run_and_answer(
                command, words, folder, folder, 30.0, kept=folder, json_file=json_file
            )
        return ended, *capfd.readouterr()

    return call


@pytest.mark.parametrize("words", [(), ("-v",)])
def test_json_is_all_of_standard_output(answer, words):
    code, out, _ = answer(f"{SAYS}os.utime('record.json'); sys.exit(10)", words=words)
    content = json.loads(out)
    assert (code, content["verdict"]) == (10, "INCONCLUSIVE")
    assert content["run"]["results"][0]["id"] == "ort-cpu-fp32--igie--b32"


def test_a_crash_is_in_the_json_with_its_test(answer, tmp_path):
    file = tmp_path / "v.json"
    code, out, _ = answer(f"record({TEST!r}); os.kill(os.getpid(), 9)", file)
    content = json.loads(file.read_text())
    assert (code, content["verdict"]) == (1, "FAIL")
    assert content["problem"] == f"{TEST}: the process ended by SIGKILL"
    assert "VERDICT: FAIL" in out


def test_bad_usage_writes_no_json(answer):
    code, out, _ = answer("print('ERROR: no such option', file=sys.stderr); sys.exit(4)")
    assert (code, out) == (2, "")
