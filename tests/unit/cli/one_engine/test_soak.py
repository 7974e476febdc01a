"""The command runs an engine for as long as one wishes, and says what drifted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retinaface.suite.soak import run as soaking
from retinaface.verdicts import Verdict

ROOT = Path(__file__).resolve().parents[4]
ENGINES = "tests.support.given.soaked.engines"


@pytest.fixture
def soak(run, tmp_path, monkeypatch):
    """Soak an engine, an interval a call; gives the exit code, the answer, what was printed."""
    monkeypatch.setattr(soaking, "_SHORTEST_S", 0.0)
    (tmp_path / "any.so").touch()
    (tmp_path / "other").write_text("mine")

    def call(engine, *words):
        given = ("--engine", f"{ENGINES}:{engine}", "--engine-file", "any.so", "--batch", 1)
        code, out, err = run("soak", *given, "--json", "a.json", *words)
        answer = json.loads((tmp_path / "a.json").read_text()) if code != 2 and out else None
        return code, answer, out + err

    return call


def verdicts(answer):
    return {check["name"]: check["verdict"] for check in answer["checks"]}


def test_an_engine_that_holds_all_says_so(soak, tmp_path):
    code, answer, said = soak("Holds", "--calls", 30, "--output", "new/soak.jsonl")
    found = verdicts(answer)
    assert {found[name] for name in ("outputs", "memory", "file handles", "threads")} == {"PASS"}
    assert code == Verdict(answer["verdict"]).exit_code  # of the times, which nothing here holds
    assert answer["n_calls"] == 30
    assert not answer["ended_early"]
    assert "30 of 30 calls equal the first pass in every bit" in said
    first, *samples, last = lines(tmp_path / "new/soak.jsonl")
    assert (first["soak_version"], first["batch"]) == (1, 1)
    assert sum(sample["n_calls"] for sample in samples) == 30
    assert last["verdict"] == answer["verdict"]


@pytest.mark.parametrize(
    ("engine", "check"),
    [("Leaks", "file handles"), ("Forgets", "memory"), ("Wanders", "outputs")],
)
def test_what_drifts_fails_and_is_named(soak, engine, check):
    code, answer, said = soak(engine, "--calls", 30)
    assert code == 1, said
    assert (answer["verdict"], verdicts(answer)[check]) == ("FAIL", "FAIL")
    assert f"FAIL {check}: " in said


def test_an_engine_that_dies_leaves_the_samples_of_what_ran(soak, tmp_path):
    code, _, said = soak("Dies", "--calls", 30, "--output", "soak.jsonl")
    assert (code, "device lost" in said) == (1, True)
    first, *samples = lines(tmp_path / "soak.jsonl")
    assert "soak_version" in first
    assert all("at_s" in sample for sample in samples)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ((), "a soak needs a length: --hours N, --calls N, or both"),
        (("--hours", "0"), "is not in the range"),
        (("--hours", "nan"), "nan"),
        (("--hours", "1", "--output", "other"), "something else than samples of a soak"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(soak, words, match):
    code, _, said = soak("Holds", *words)
    assert (code, match in said) == (2, True), said


def test_hours_end_it_too(soak):
    _, answer, _ = soak("Holds", "--hours", 0.5 / 3600)
    assert (answer["n_calls"] > 0, answer["ended_early"]) == (True, False)
    assert answer["seconds"] < 30


def started(folder, n_before=0):
    (folder / "any.so").touch()
    command = [sys.executable, "-m", "retinaface", "soak", "--engine", f"{ENGINES}:Holds"]
    command += ["--engine-file", "any.so", "--batch", "1", "--hours", "0.05", "--output", "s.jsonl"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    until = time.monotonic() + 60
    while not (folder / "s.jsonl").exists() or len(lines(folder / "s.jsonl")) < n_before + 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


def test_the_same_command_goes_on_after_a_kill(tmp_path):
    process = started(tmp_path)
    process.kill()
    process.communicate()
    n = len(lines(tmp_path / "s.jsonl"))
    process = started(tmp_path, n)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    found = lines(tmp_path / "s.jsonl")
    assert [i for i, line in enumerate(found) if "soak_version" in line] == [0, n]
    assert "verdict" in found[-1]


def lines(path):
    """Read the whole lines; one that is not whole does not parse."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_ctrl_c_ends_it_early_with_the_verdict_of_what_ran(tmp_path):
    process = started(tmp_path)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 10, errors
    assert "Traceback" not in errors
    assert "ended early" in out
    assert out.endswith("VERDICT: INCONCLUSIVE\n")
    assert lines(tmp_path / "s.jsonl")[-1]["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["term", "kill"]
)
def test_a_soak_that_is_ended_otherwise_leaves_whole_lines(tmp_path, sent, code):
    process = started(tmp_path)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (code, False)
    assert "soak_version" in lines(tmp_path / "s.jsonl")[0]
    assert all("at_s" in line for line in lines(tmp_path / "s.jsonl")[1:])
