"""The program answers in this process as in its own, and one question after another."""

import io
import json

import pytest

from retinaface.export.foreign import child
from tests.support.made.onnx_models import small_graph

pytestmark = pytest.mark.needs("onnx")

SHAPE = (1, 3, 8, 8)
RELU = ("Relu", ["input"], ["out"])
INFER = {"what": "infer", "image": "input", "shape": SHAPE}
RUN = {**INFER, "what": "run", "output": "out", "n_values": 192}


def asked(question, model):
    parts = [json.dumps(question).encode(), model, b""]
    return child.REQUEST.pack(*map(len, parts)) + b"".join(parts)


def test_questions_are_answered_in_their_order(monkeypatch):
    monkeypatch.setattr(child, "_limit", lambda *sizes: limits.append(sizes))
    limits, sink = [], io.BytesIO()
    model = small_graph(RELU).SerializeToString()
    wrong = small_graph(("Nonsense", ["input"], ["out"])).SerializeToString()
    questions = asked(INFER, model) + asked({"what": "check"}, wrong) + asked(RUN, model)
    child.serve(io.BytesIO(questions), sink)
    assert limits == [(0, len(model)), (0, len(wrong)), (192, len(model))]
    data, replies = sink.getvalue(), []
    while data:
        status, n_head, n_values = child.REPLY.unpack(data[: child.REPLY.size])
        head = data[child.REPLY.size :][:n_head]
        data = data[child.REPLY.size + n_head + n_values :]
        replies.append((status, json.loads(head) if head else None, n_values))
    shapes = {"shapes": {"out": list(SHAPE)}}
    assert replies[:2] == [(child.DONE, None, 0), (child.DONE, shapes, 0)]
    assert (replies[2][0], replies[2][1]["kind"]) == (child.REFUSED, "ValidationError")
    assert replies[3] == (child.DONE, shapes, 8 * 192)


def test_outputs_have_a_limit(monkeypatch):
    monkeypatch.setattr(child, "MAX_VALUES", 100)
    with pytest.raises(ValueError, match="its output has 192 values, and at most 100 are read"):
        child.answer(RUN, small_graph(RELU).SerializeToString(), b"")


def test_memory_grows_with_the_input_and_the_model():
    assert child.limit_bytes(0, 0) == 2**30
    assert child.limit_bytes(10, 100) == 2**30 + 2560 + 800
