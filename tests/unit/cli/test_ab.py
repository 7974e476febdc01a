"""The command as a user calls it, with engines that need no file."""

import json
import sys
from pathlib import Path

import pytest

from retinaface.cli import main
from retinaface.cli.ab import files_of_side
from retinaface.records.ab_session import read_sessions

ROOT = Path(__file__).resolve().parents[3]
ENGINE = "tests.support.given.remote_engines:plain_cpu_fp32"
pytestmark = pytest.mark.alone
SHORT = ["--starts", "2", "--turns", "3", "--batch", "2", "--weights", "embedded"]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["ab", *map(str, arguments)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture
def engine(monkeypatch):
    """Give an engine without a file, and a clock that shows the time it was asked for."""
    from retinaface.engines import catalogue
    from retinaface.engines.remote import engine as remote

    entry = catalogue.EngineEntry(ENGINE, "cpu", "fp32", loads_onnx=False)
    for module in (catalogue, remote):
        monkeypatch.setattr(module, "find_engine", lambda _name: entry)
    run_there = remote.RemoteEngine._run

    def run_on_time(self, images):
        """Take what the option says, whatever else this machine does."""
        outputs = run_there(self, images)
        self.last_infer_s = 1e-3 * float(self.spec.options["ms"])
        return outputs

    monkeypatch.setattr(remote.RemoteEngine, "_run", run_on_time)
    return ["--engine", ENGINE]


def test_a_slower_b_fails_with_the_ratio(capsys, engine, tmp_path):
    file = tmp_path / "ab.json"
    options = ["--engine-option", "ms=5", "--engine-option-b", "ms=20", "--json", file]
    code, out, _ = run(capsys, *engine, *SHORT, "--a", sys.executable, *options)
    lines = out.splitlines()
    assert code == 1
    assert lines[-1] == "VERDICT: FAIL"
    assert "engine/options/ms" in out
    assert "slower, by more than the noise of this session" in out
    assert any(line.startswith("A again") for line in lines)
    found = json.loads(file.read_text())
    assert found["verdict"] == found["speed_verdict"] == "FAIL"
    assert found["speed"]["low"] > 1 + found["speed"]["band"]
    assert "calls a slowdown of" in lines[-3]
    (session,) = read_sessions([file])
    assert (session.batch, session.speed.starts) == (2, 2)
    assert [len(samples) for samples in found["seconds"].values()] == [2, 2, 2]
    assert found["engines"]["B"]["options"] == {"ms": "20"}
    assert found["environments"]["A"]["python"] == sys.version.split()[0]


def test_files_for_b_win_over_files_for_both():
    both = {"model": "a.onnx", "engine_file": None, "model_b": None, "engine_file_b": None}
    of_b = both | {"engine_file_b": "b.so"}
    assert files_of_side(both, is_b=True) == {"model": "a.onnx", "engine_file": None}
    assert files_of_side(of_b, is_b=False) == {"model": "a.onnx", "engine_file": None}
    assert files_of_side(of_b, is_b=True) == {"model": None, "engine_file": "b.so"}


def test_one_environment_compared_with_itself_does_not_differ(capsys, engine):
    code, out, _ = run(capsys, *engine, *SHORT, "--engine-option", "ms=10")
    assert code == 0, out
    assert "A and B are the same environment and engine." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--b", "nowhere"], "nowhere is neither a Python interpreter nor an environment"),
        (["--b", "ssh://board"], "ssh://board is not an address of a Python; expected ssh://["),
        (["--starts", "1"], "1 is not in the range"),
        (["--slowdown", "1"], "1.0 is not in the range"),
        (["--engine-option", "ms"], "is not of the form NAME=VALUE"),
        (["--json", "."], "cannot write"),
        (["--widerface", "nowhere"], "nowhere"),
        (["--model", "none.onnx"], "none.onnx does not exist"),
    ],
    ids=["python", "address", "starts", "slowdown", "option", "json", "data", "model"],
)
def test_bad_input_is_one_line(capsys, engine, arguments, message):
    code, _, err = run(capsys, *engine, *SHORT, *arguments)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
