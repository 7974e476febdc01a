"""Whatever a worker sends is one line that names it, and a worker that is ended leaves no child."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.remote import process
from retinaface.engines.remote.engine import RemoteEngine
from retinaface.errors import EngineFault, EngineUnavailable, RetinaFaceError

ROOT = Path(__file__).resolve().parents[4]
IMAGES = np.zeros((3, 3, 64, 64), np.float32)
N_PRIORS = 168
# A worker that keeps to the protocol; each test puts lines in place of one of its answers.
WORKER = """
import json, os, struct, subprocess, sys, time
READ, WRITE = int(sys.argv[1]), int(sys.argv[2])

def raw(data):
    while data:
        data = data[os.write(WRITE, data):]

def frame(text):
    raw(struct.pack("<8sI", b"RFACE\\0\\r\\n", len(text)) + text)

def exactly(n):
    data = b""
    while len(data) < n:
        part = os.read(READ, n - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data

def ask():
    _, size = struct.unpack("<8sI", exactly(12))
    header = json.loads(exactly(size))
    for one in header["arrays"]:
        exactly(one_size(one))
    return header["turn"]

def one_size(one):
    n = int(one["dtype"][2:])
    for side in one["shape"]:
        n *= side
    return n

def send(header, arrays=(), **more):
    frame(json.dumps({**header, "arrays": list(arrays), **more}).encode())

F4 = "<f4"
OUTPUTS = [{"shape": [3, 168, k], "dtype": F4} for k in (4, 2, 10)]
ZEROS = bytes(sum(map(one_size, OUTPUTS)))
READY = {"kind": "ready", "version": VERSION}
OPENED = {"kind": "opened", "fixed_batch": None, "environment": {"python": "3.11", "packages": {}}}
DESCRIPTION = {"kind": "description", "description": {"name": "x", "device": "cpu"}}
START
turn = ask()
OPEN
turn = ask()
ANSWER
ask()
"""
HONEST = {
    "START": "send(READY)",
    "OPEN": "send(OPENED, turn=turn)",
    "ANSWER": 'send({"kind": "outputs", "seconds": 1e-6}, OUTPUTS, turn=turn); raw(ZEROS)',
}


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Put a false worker in place of the real one: `worker(ANSWER="...")`."""

    def make(**lines):
        from retinaface.version import __version__

        text = WORKER.replace("VERSION", repr(__version__))
        for name, honest in HONEST.items():
            text = text.replace(f"\n{name}\n", f"\n{lines.get(name, honest)}\n")
        file = tmp_path / "worker.py"
        file.write_text(text)
        monkeypatch.setattr("retinaface.engines.remote.pipes.WORKER", file)

    return make


def opened(call_timeout_s=20.0, build_timeout_s=20.0):
    spec = EngineSpec("x", "fp32", "cpu", height_px=64, width_px=64, max_batch=3)
    times = {"call_timeout_s": call_timeout_s, "build_timeout_s": build_timeout_s}
    return RemoteEngine(spec, "nothing:here", Path(sys.executable), **times)


def is_one_line(error: RetinaFaceError) -> bool:
    """Tell whether a message is one line that names the worker and the next step."""
    words = str(error)
    return "\n" not in words and sys.executable in words and "; " in words and len(words) < 5000


def test_the_honest_one_is_heard(worker):
    worker()
    with opened() as engine:
        assert engine.infer(IMAGES).loc.shape == (3, N_PRIORS, 4)


OUTPUTS = 'send({{"kind": "outputs", "seconds": {}}}, OUTPUTS, turn=turn); raw(ZEROS)'
KINDS = {
    "text": ('raw(b"hello" * 10)', "not a message, beginning with"),
    "not JSON": ('frame(b"{nothing")', "cannot be read"),
    "not UTF-8": ('frame(b\'{"kind": "\\xff\\xfe"}\')', "cannot be read"),
    "no object": ('frame(b"[]")', "cannot be read"),
    "null": ('frame(b"null")', "cannot be read"),
    "deep": ('frame(b"[" * 500000)', "at most 64 deep is read"),
    "deep fields": (
        'frame(b\'{"arrays": [], "turn": 2, "x": \' + b"[" * 500 + b"]" * 500 + b"}")',
        "at most 64 deep is read",
    ),
    "long number": ('frame(b"1" * 100000)', "cannot be read"),
    "cut short": ('raw(struct.pack("<8sI", b"RFACE\\0\\r\\n", 90) + b"{"); sys.exit(3)', "code 3"),
    "arrays cut short": (
        'send({"kind": "outputs", "seconds": 1e-6}, OUTPUTS, turn=turn); raw(ZEROS[9:]); '
        "sys.exit(4)",
        "exit code 4 during infer",
    ),
    "large header": ('raw(struct.pack("<8sI", b"RFACE\\0\\r\\n", 2**31))', "not a message"),
    "endless": ('[raw(b"x" * 65536) for _ in iter(int, 1)]', "not a message"),
    "large array": (
        'send({"kind": "outputs", "seconds": 1.0}, [{"shape": [2**40], "dtype": F4}], turn=turn)',
        "cannot be read: an array of float32",
    ),
    "array of 4 GiB": (
        'send({"kind": "outputs", "seconds": 1.0}, [{"shape": [2**30], "dtype": F4}], turn=turn)',
        "announced 1 arrays of 4294967296 bytes, expected at most 1024 of 64512 bytes",
    ),
    "many arrays": (
        'send({"kind": "outputs", "seconds": 1.0}, [{"shape": [0], "dtype": F4}] * 9999, turn=2)',
        "announced 9999 arrays",
    ),
    "side below 0": (
        'send({"kind": "outputs", "seconds": 1.0}, [{"shape": [-1], "dtype": F4}], turn=turn)',
        "an array of float32",
    ),
    "side of words": (
        'send({"kind": "outputs", "seconds": 1.0}, [{"shape": ["3"], "dtype": F4}], turn=turn)',
        "an array of float32",
    ),
    "type of objects": (
        'send({"kind": "outputs", "seconds": 1.0}, [{"shape": [1], "dtype": "O"}], turn=turn)',
        "an array of object",
    ),
    "type of none": (
        'send({"kind": "outputs", "seconds": 1.0}, [{"shape": [1], "dtype": None}], turn=turn)',
        "an array of type None",
    ),
    "seconds of words": (OUTPUTS.format('"1"'), "Expected `float`, got `str`"),
    "seconds NaN": (OUTPUTS.format('float("nan")'), "it says that the call took nan s"),
    "seconds infinite": (OUTPUTS.format('float("inf")'), "the call took inf s"),
    "seconds below 0": (OUTPUTS.format("-1.0"), "the call took -1.0 s"),
    "seconds zero": (OUTPUTS.format("0.0"), "the call took 0.0 s"),
    "seconds too many": (OUTPUTS.format("1e6"), "expected a time above 0 s and at most"),
    "too few arrays": (
        'send({"kind": "outputs", "seconds": 1e-6}, OUTPUTS[:2], turn=turn); raw(ZEROS)',
        "it sent 2 arrays with 'outputs', expected 3",
    ),
    "another answer": ("send(DESCRIPTION, turn=turn)", "it answered 'description'"),
    "another turn": (
        'send({"kind": "outputs", "seconds": 1e-6}, OUTPUTS, turn=turn - 1); raw(ZEROS)',
        "it answered request 1, expected 2",
    ),
    "no turn": (
        'send({"kind": "outputs", "seconds": 1e-6}, OUTPUTS); raw(ZEROS)',
        "it answered request None, expected 2",
    ),
    "dead": ("os.kill(os.getpid(), 9)", "ended by SIGKILL during infer"),
}


@pytest.mark.parametrize(("line", "words"), KINDS.values(), ids=KINDS)
def test_a_false_answer_is_one_line_and_ends_the_worker(worker, line, words):
    worker(ANSWER=line)
    with opened() as engine:
        with pytest.raises(EngineFault) as caught:
            engine.infer(IMAGES)
        assert words in str(caught.value)
        assert is_one_line(caught.value)
        with pytest.raises(ProcessLookupError):
            os.kill(engine.pid, 0)


def test_outputs_of_another_shape_are_a_fault(worker):
    worker(
        ANSWER='send({"kind": "outputs", "seconds": 1e-6}, [{"shape": [1], "dtype": F4}] * 3, '
        "turn=turn); raw(bytes(12))"
    )
    with opened() as engine, pytest.raises(EngineFault, match=r"loc should be \(3, 168, 4\)"):
        engine.infer(IMAGES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"START": 'raw(b"Welcome\\n")'}, "during the start: it sent something that is not a mes"),
        ({"START": "send(OPENED)"}, "during the start: it sent an answer that is not right"),
        (
            {"START": 'send({"kind": "ready", "version": "0.0.1"})'},
            "it is a worker of version '0.0.1', expected",
        ),
        (
            {"START": "send(READY); send(READY); time.sleep(60)"},
            "nobody had asked for|request None",
        ),
        ({"OPEN": 'OPENED["fixed_batch"] = -1; send(OPENED, turn=turn)'}, "fixed_batch"),
        ({"OPEN": 'OPENED["fixed_batch"] = 10**9; send(OPENED, turn=turn)'}, "fixed_batch"),
        ({"OPEN": 'OPENED["environment"] = {}; send(OPENED, turn=turn)'}, "`python`"),
        (
            {"OPEN": 'OPENED["environment"]["packages"] = [1]; send(OPENED, turn=turn)'},
            r"Expected `object`, got `array` - at `\$.packages`",
        ),
        (
            {"OPEN": 'OPENED["environment"]["x"] = [[[[[[[[[[1]]]]]]]]]]; send(OPENED, turn=turn)'},
            "nested more than 8 deep",
        ),
        (
            {"OPEN": "send(OPENED, [{'shape': [9], 'dtype': F4}], turn=turn)"},
            "at most 1024 of 0 by",
        ),
        (
            {"OPEN": 'send({"kind": "error", "type": "ValueError", "message": "a\\nb"}, turn=1)'},
            "ValueError: a b",
        ),
        (
            {"OPEN": 'send({"kind": "error", "type": "E", "message": "y" * 90000}, turn=turn)'},
            r"y \.\.\.",
        ),
    ],
    ids=[
        "text before",
        "no ready",
        "version",
        "unasked",
        "batch below 1",
        "batch too large",
        "no python",
        "packages",
        "deep",
        "arrays",
        "lines",
        "long",
    ],
)
def test_a_worker_that_opens_falsely_is_unavailable(worker, changes, words):
    worker(**changes)
    with pytest.raises(EngineUnavailable, match=words) as caught:
        opened()
    assert is_one_line(caught.value)


def test_what_comes_after_an_answer_is_noticed_with_the_next_call(worker):
    worker(ANSWER=f'{HONEST["ANSWER"]}; raw(b"bye bye, all of you"); time.sleep(60)')
    with opened() as engine:
        engine.infer(IMAGES)
        with pytest.raises(EngineFault, match="nobody had asked for|not a message"):
            engine.infer(IMAGES)


def test_a_description_without_a_name_is_a_fault(worker):
    worker(ANSWER='send({"kind": "description", "description": {"device": "cpu"}}, turn=turn)')
    with (
        opened() as engine,
        pytest.raises(EngineFault, match="Object missing required field `name`"),
    ):
        engine.describe()


def test_a_worker_that_hangs_is_ended_with_its_children(worker, tmp_path, monkeypatch):
    """At the start, while it opens, and in a call, after the time of each."""
    child = tmp_path / "child"
    hang = f"""
proc = subprocess.Popen(["sleep", "600"])
open({str(child)!r}, "w").write(str(proc.pid))
time.sleep(600)
"""
    monkeypatch.setattr(process, "START_TIMEOUT_S", 3.0)
    for place in ("START", "OPEN", "ANSWER"):
        child.unlink(missing_ok=True)
        worker(**{place: hang})
        began = time.monotonic()
        with (
            pytest.raises(
                (EngineUnavailable, EngineFault), match=r"no answer to .* within 3 s and was ended"
            ) as caught,
            opened(call_timeout_s=3.0, build_timeout_s=3.0) as engine,
        ):
            engine.infer(IMAGES)
        assert is_one_line(caught.value)
        assert time.monotonic() - began < 60
        assert not is_running(int(child.read_text()))


def is_running(pid: int) -> bool:
    """Tell whether a process lives; one that ended and waits for its parent does not."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True
