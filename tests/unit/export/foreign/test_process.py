"""One child process asks any number of questions, and whatever ends it is one line."""

import os
import signal
import subprocess
import sys

import pytest

from retinaface.errors import ModelError
from tests.support.children import is_gone
from tests.support.made.onnx_models import small_graph

pytestmark = pytest.mark.needs("onnx")

SHAPE = (1, 3, 8, 8)
RELU = ("Relu", ["input"], ["out"])


def test_a_child_that_was_ended_is_named_and_another_one_starts():
    from retinaface.export.foreign.evaluator import inferred_shapes
    from retinaface.export.foreign.process import Evaluator
    from retinaface.formats.faults import FormatError

    evaluator = Evaluator()
    os.kill(evaluator.pid, signal.SIGKILL)
    with pytest.raises(FormatError, match="ended by SIGKILL"):
        evaluator.ask({"what": "check"}, small_graph(RELU).SerializeToString())
    assert not evaluator.is_alive()
    assert inferred_shapes(small_graph(RELU), "input", SHAPE) == {"out": SHAPE}


def test_a_child_that_does_not_start_is_named(tmp_path, monkeypatch):
    from retinaface.export.foreign import child
    from retinaface.export.foreign.process import Evaluator

    (tmp_path / "child.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(child, "__file__", str(tmp_path / "child.py"))
    with pytest.raises(ModelError, match="ended with exit code 3; try: .* 'import onnx.reference'"):
        Evaluator()


def test_the_child_of_a_killed_parent_ends():
    code = (
        "from retinaface.export.foreign.process import Evaluator\n"
        "evaluator = Evaluator()\n"
        "print(evaluator.pid, flush=True)\n"
        "input()\n"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert is_gone(pid)


@pytest.mark.parametrize(
    "reply",
    ["b'[]'", "b'{'", "b'\\xff'", "b'{}'"],
    ids=["no object", "cut", "no text", "no shapes"],
)
def test_nothing_that_the_child_sends_is_believed(tmp_path, monkeypatch, reply):
    from retinaface.export.foreign import child, evaluator, process

    code = (
        "import struct, sys\n"
        "reply = struct.Struct('>BQQ')\n"
        "sys.stdout.buffer.write(reply.pack(0, 0, 0))\n"
        f"sys.stdout.buffer.write(reply.pack(0, len({reply}), 0) + {reply})\n"
        "sys.stdout.flush()\n"
        "sys.stdin.buffer.read()\n"
    )
    (tmp_path / "child.py").write_text(code)
    process.end_child()
    monkeypatch.setattr(child, "__file__", str(tmp_path / "child.py"))
    try:
        with pytest.raises(ModelError, match="no sound answer|no sound reply"):
            evaluator.inferred_shapes(small_graph(RELU), "input", SHAPE)
    finally:
        process.end_child()
