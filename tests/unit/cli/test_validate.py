"""The supervising part, with small children in place of a validation run."""

import fcntl
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from retinaface.cli import main

# The package calls its command by the name of the module.
validate = importlib.import_module("retinaface.cli.validate")
TEST = "tests/validation/test_fps.py::test_network_alone[b1]"
# What a child begins with: a record that says which test is running.
BEGIN = f"""
import json, os, signal, subprocess, sys, time
def record(running, state="running"):
    tests = [{{"id": "before", "verdict": "PASS"}}, {{"id": {TEST!r}, "verdict": None}}]
    content = {{"running": running, "state": state, "verdict": "FAIL", "tests": tests}}
    with open("new.json", "w") as file:
        json.dump(content, file)
    os.replace("new.json", "record.json")
"""
HOLD = "import fcntl; lock = open('lock', 'w'); fcntl.flock(lock, fcntl.LOCK_EX); "
# A worker that takes the lock, says so, and goes on for a minute.
WORKER = HOLD + "import sys, time; print(flush=True); time.sleep(60)"
START_WORKER = f"""
worker = subprocess.Popen([sys.executable, "-c", {WORKER!r}], stdout=subprocess.PIPE)
worker.stdout.readline()
"""


@pytest.fixture
def supervise(tmp_path, capfd):
    """Run a child in a folder that is checkout and record in one."""

    def call(code, timeout=30.0, kept=None):
        command = [sys.executable, "-c", BEGIN + code]
        result = validate._supervise(command, tmp_path, tmp_path, timeout, kept=kept)
        path = tmp_path / "record.json"
        return result, capfd.readouterr().out, json.loads(path.read_text()) if path.exists() else {}

    return call


@pytest.mark.parametrize(
    ("code", "expected"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 2), (5, 1), (10, 10)]
)
def test_exit_codes_of_pytest_are_mapped(supervise, code, expected):
    result, out, record = supervise(f"record(None, 'finished'); sys.exit({code})")
    assert (result, out) == (expected, "")
    assert record["state"] == "finished"  # not touched


@pytest.mark.parametrize("sent", ["SIGKILL", "SIGTERM", "SIGUSR1"])
def test_a_child_that_is_ended_by_a_signal_fails_the_test_that_ran(supervise, sent, tmp_path):
    result, out, record = supervise(
        f"record({TEST!r}); os.kill(os.getpid(), signal.{sent})", kept=tmp_path / "kept"
    )
    problem = f"the process ended by {sent}"
    assert result == 1
    assert out.splitlines() == [
        "",
        f"FAIL {TEST}: {problem}",
        f"Record: {tmp_path / 'kept'}",
        "VERDICT: FAIL",
    ]
    assert (record["state"], record["verdict"], record["running"]) == ("crashed", "FAIL", TEST)
    assert record["crash"] == problem
    assert record["tests"] == [
        {"id": "before", "verdict": "PASS"},
        {"id": TEST, "verdict": "FAIL", "reason": problem},
    ]


@pytest.mark.parametrize("code", [0, 1, 10])
def test_a_child_that_ends_itself_inside_a_test_fails(supervise, code):
    """An engine may call exit; what it says is not pytest's word."""
    result, out, record = supervise(f"record({TEST!r}); os._exit({code})")
    assert result == 1
    assert f"FAIL {TEST}: the process ended with exit code {code} inside a test" in out
    assert (record["state"], record["verdict"]) == ("crashed", "FAIL")


def test_an_exit_code_that_pytest_does_not_have_fails(supervise):
    result, out, record = supervise("record(None); os._exit(77)")
    assert result == 1
    assert (
        "FAIL before the first test, or after the last: the process ended itself with exit code"
        in out
    )
    assert record["running"] is None


def test_a_child_that_dies_before_there_is_a_record_fails(supervise):
    result, out, record = supervise("os.kill(os.getpid(), signal.SIGKILL)")
    assert (result, record) == (1, {})
    assert "FAIL before the first test, or after the last: the process ended by SIGKILL" in out
    assert out.endswith("VERDICT: FAIL\n")
    assert "Record:" not in out


def test_a_test_that_hangs_is_ended_and_named(supervise):
    started = time.monotonic()
    result, out, record = supervise(f"record({TEST!r}); time.sleep(60)", timeout=1.0)
    assert 1 <= time.monotonic() - started < 20
    assert result == 1
    assert f"FAIL {TEST}: took longer than --timeout 1 s" in out
    assert record["crash"] == "took longer than --timeout 1 s"


def test_a_child_that_does_not_listen_is_killed(supervise, monkeypatch):
    monkeypatch.setattr(validate, "_GRACE_S", 0.2)
    code = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); record({TEST!r}); time.sleep(60)"
    result, out, _ = supervise(code, timeout=1.0)
    assert result == 1
    assert f"FAIL {TEST}: took longer" in out


def is_free(path):
    """Whether nobody holds the lock any more; a killed process lets go of it in its own time."""
    deadline = time.monotonic() + 5
    with path.open("w") as file:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.02)
            else:
                return True
    return False


def test_what_a_hanging_child_started_is_ended_too(supervise, tmp_path):
    code = f"{START_WORKER}record({TEST!r}); time.sleep(60)"
    assert supervise(code, timeout=1.0)[0] == 1
    assert is_free(tmp_path / "lock")


def test_a_supervisor_that_is_interrupted_ends_the_child(supervise, tmp_path, monkeypatch):
    looks = []

    def look(_watch):
        looks.append(1)
        if (tmp_path / "lock").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(validate._Watch, "look", look)
    with pytest.raises(KeyboardInterrupt):
        supervise(f"{HOLD}time.sleep(60)")
    assert is_free(tmp_path / "lock")


def test_each_test_has_the_whole_time(tmp_path, monkeypatch):
    clock = iter(range(10, 100, 10))
    monkeypatch.setattr(validate.time, "monotonic", lambda: next(clock))
    watch = validate._Watch(tmp_path)
    seen = []
    for content in (None, '{"running": "a"}', '{"running": "a"}', "{", '{"running": "b"}', "{}"):
        if content is not None:
            (tmp_path / "record.json").write_text(content)
        watch.look()
        seen.append((watch.running, watch.since))
    assert seen == [(None, 0), ("a", 10), ("a", 10), ("a", 10), ("b", 20), (None, 30)]


def test_the_child_finds_what_the_caller_finds(supervise, tmp_path, monkeypatch):
    (tmp_path / "caller").mkdir()
    monkeypatch.chdir(tmp_path / "caller")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    code = "record(os.getcwd() + os.pathsep + os.environ['PYTHONPATH']); os._exit(0)"
    record = supervise(code)[2]
    assert record["running"].split(os.pathsep) == [
        str(tmp_path),
        str(tmp_path / "caller"),
        "/elsewhere",
    ]


OPTIONS = {
    "engine": (),
    "pipeline": (),
    "batch": None,
    "model": (),
    "engine_file": (),
    "engine_option": (),
    "weights": None,
    "widerface": None,
    "subset": None,
    "baseline": None,
    "require": (),
    "record": None,
    "accept_baseline": False,
    "reason": None,
}


def arguments(markers=None, keywords=None, **options):
    return validate._arguments(OPTIONS | options, markers, keywords)


def test_options_that_were_not_given_are_not_passed_on():
    assert arguments() == []


def test_options_are_passed_on_each_in_one_word():
    """A value that begins with a dash stays a value."""
    assert arguments(
        engine=("a.b:c", "-x"),
        batch=3,
        accept_baseline=True,
        reason="- two words",
        require=("cuda",),
    ) == ["--engine=a.b:c", "--engine=-x", "--batch=3"] + [
        "--require=cuda",
        "--accept-baseline",
        "--reason=- two words",
    ]
    assert arguments("not speed", "b1 or b8") == ["-m", "not speed", "-k", "b1 or b8"]


def test_paths_are_those_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert arguments(
        model=(Path("a.onnx"), Path("/b.onnx")),
        engine_file=(Path("a.so"),),
        engine_option=("target=llvm -x=y",),
        widerface=Path("wf"),
        weights="c.pth",
        baseline="../b.json",
    ) == [
        f"--model={tmp_path / 'a.onnx'}",
        "--model=/b.onnx",
        f"--engine-file={tmp_path / 'a.so'}",
        "--engine-option=target=llvm -x=y",
        f"--weights={tmp_path / 'c.pth'}",
        f"--widerface={tmp_path / 'wf'}",
        f"--baseline={tmp_path.parent / 'b.json'}",
    ]
    assert arguments(junitxml=Path("j.xml")) == [f"--junitxml={tmp_path / 'j.xml'}"]
    words = ["--weights=embedded", "--baseline=auto"]
    assert arguments(weights="embedded", baseline="auto") == words


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a checkout of its own; gives exit code, output, and what was called."""
    (tmp_path / "tests/validation").mkdir(parents=True)
    (tmp_path / "conftest.py").touch()
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    calls = []

    def supervise(command, root, folder, timeout, *, kept):
        calls.append((command, root, folder, timeout, kept))
        assert folder.parent.is_dir()
        return 10

    monkeypatch.setattr(validate, "_supervise", supervise)

    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["validate", *words])
        signal.signal(signal.SIGTERM, handler)
        return end.value.code, capsys.readouterr(), calls

    return call


def test_the_command_runs_the_suites_of_the_checkout(run, tmp_path):
    code, _, calls = run(
        *("--engine", "a", "--engine=b", "-m", "not speed", "--timeout", "9", "--record", "r"),
        *("-x", "--maxfail=2", "--durations", "5"),
    )
    assert code == 10
    ((command, root, folder, timeout, kept),) = calls
    assert command[:4] == [sys.executable, "-m", "pytest", "tests/validation"]
    assert command[4:] == [
        "--engine=a",
        "--engine=b",
        f"--record={tmp_path / 'r'}",
        "-m",
        "not speed",
        "-x",
        "--maxfail=2",
        "--durations",
        "5",
    ]
    assert (root, folder, timeout, kept) == (tmp_path, tmp_path / "r", 9, Path("r"))


@pytest.mark.parametrize(
    "words",
    [("--engine", "ort-cpu-fp32", "ort-cpu-fp16"), ("--pipeline", "igie", "ixrt")],
)
def test_a_second_name_after_an_option_is_refused(run, words):
    code, said, calls = run(*words)
    assert (code, calls) == (2, [])
    error = " ".join(said.err.split())
    assert f"{words[2]} stands without an option" in error
    assert f"{words[0]} {words[2]}" in error


def test_a_name_that_is_the_value_of_an_option_of_pytest_is_left_alone(run):
    code, _, ((command, *_),) = run("--deselect", "igie")
    assert code == 10
    assert command[-2:] == ["--deselect", "igie"]


def test_without_a_record_a_temporary_one_is_watched_and_removed(run, tmp_path):
    _, _, ((command, _, folder, timeout, kept),) = run()
    assert command[4:] == [f"--record={folder}", "--record-is-temporary"]
    assert not folder.parent.exists()
    assert not folder.is_relative_to(tmp_path / "tests")
    assert (timeout, kept) == (3600, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--record", "tests"), "output folder tests is not empty; name a new one"),
        (("--pipeline", "none"), "'none' is not one of 'igie'"),
        (("--batch", "0"), "0 is not in the range 1<=x<=1024"),
        (("--timeout", "0.5"), "0.5 is not in the range x>=1"),
        (("--subset", "every-9"), "'every-9' is not"),
    ],
    ids=["record", "pipeline", "batch", "timeout", "subset"],
)
def test_bad_usage_starts_nothing(run, words, message):
    code, (out, err), calls = run(*words)
    assert (code, out, calls) == (2, "", [])
    assert err.startswith("retinaface: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_outside_of_a_checkout_the_way_there_is_said(run, tmp_path, monkeypatch):
    (tmp_path / "conftest.py").unlink()
    monkeypatch.setattr(validate, "__file__", str(tmp_path / "lib/retinaface/cli/validate.py"))
    code, (_, err), calls = run()
    assert (code, calls) == (2, [])
    assert (
        "validate runs the suites of a checkout (tests/validation), and there is none here" in err
    )
    assert "pip install -e" in err


def test_an_installed_package_finds_its_checkout_from_anywhere(run, tmp_path, monkeypatch):
    (tmp_path / "conftest.py").unlink()
    code, _, ((_, root, *_),) = run()
    assert code == 10
    assert root == Path(__file__).resolve().parents[3]


SLEEPER = WORKER.replace("60", "6")
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


def start(code):
    return (
        f"worker = subprocess.Popen([sys.executable, '-c', {code!r}], stdout=subprocess.PIPE)\n"
        "worker.stdout.readline()\n"
    )


def free_soon(path):
    with path.open("w") as file:
        time.sleep(0.5)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def test_what_a_crashed_child_started_is_ended(supervise, tmp_path):
    supervise(start(SLEEPER) + f"record({TEST!r}); os.kill(os.getpid(), 9)")
    assert free_soon(tmp_path / "lock")


def test_a_grandchild_that_does_not_listen_is_killed(supervise, tmp_path):
    supervise(start(DEAF) + f"record({TEST!r}); time.sleep(60)", timeout=1.0)
    assert free_soon(tmp_path / "lock")


def test_exit_0_without_a_record_is_no_pass(supervise):
    assert supervise("os._exit(0)")[0] == 1


def test_a_damaged_record_does_not_hide_the_verdict(tmp_path, capfd):
    code = "open('record.json', 'w').write('{'); os.kill(os.getpid(), 9)"
    assert (
        validate._supervise([sys.executable, "-c", BEGIN + code], tmp_path, tmp_path, 9, kept=None)
        == 1
    )
    assert "VERDICT: FAIL" in capfd.readouterr().out


def test_a_signal_without_a_name(supervise):
    assert supervise("os.kill(os.getpid(), signal.SIGRTMIN + 1)")[0] == 1
