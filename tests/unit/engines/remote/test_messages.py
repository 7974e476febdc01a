"""What either end sends is what the other reads."""

import hashlib
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.remote.answers import decode_answer
from retinaface.engines.remote.frames import GarbageError
from retinaface.engines.remote.messages import (
    Describe,
    Description,
    Failed,
    Infer,
    Intermediates,
    Open,
    Opened,
    Outputs,
    Request,
    Store,
    Stored,
    Tensors,
    encode_request,
    kind_of,
    whole_paths,
)
from retinaface.engines.remote.worker import Worker

FACTORY = "tests.support.given.remote_engines:plain_cpu_fp32"
SPEC = EngineSpec("plain_cpu_fp32", "fp32", "cpu", height_px=64, width_px=64, options={"ms": "0"})
IMAGES = np.zeros((2, 3, 64, 64), np.float32)


class Read(dict):
    """A request that remembers which of its fields were read."""

    def __init__(self, *given):
        super().__init__(*given)
        self.fields = set()

    def __getitem__(self, key):
        self.fields.add(key)
        return super().__getitem__(key)


CONTENT = np.frombuffer(b"a model", np.uint8)
STORE = Store(name="12ab/model.onnx", sha256=hashlib.sha256(b"a model").hexdigest())
# Each request, its arrays, and its answer; in the order of a worker's life.
TALK = [
    (STORE, [CONTENT], Stored),
    (Open(spec=SPEC, factory=FACTORY), [], Opened),
    (Infer(), [IMAGES], Outputs),
    (Intermediates(names=["one", "two"]), [IMAGES], Tensors),
    (Describe(), [], Description),
]


def over_the_pipe(header):
    """Headers travel as JSON."""
    return json.loads(json.dumps(header))


def test_both_ends_agree_on_every_field(tmp_path):
    worker = Worker(tmp_path)
    assert [type(request) for request, *_ in TALK] == list(get_args(Request))
    assert list(worker.requests) == [kind_of(request) for request, *_ in TALK]
    for request, arrays, expected in TALK:
        sent = Read(over_the_pipe(encode_request(request)))
        header, found = worker.answer(sent, arrays)
        assert sent.fields == set(sent) == {"kind", *request.__struct_fields__}
        answer = decode_answer(over_the_pipe(header), len(found), expected)
        assert isinstance(answer, expected), answer
        assert set(header) == {"kind", *expected.__struct_fields__}
    worker.close()


def test_a_failure_there_is_an_answer_to_any_request():
    for request, arrays, expected in TALK[2:]:
        header, found = Worker().answer(encode_request(request), arrays)
        answer = decode_answer(over_the_pipe(header), len(found), expected)
        assert answer == Failed(type="ValueError", message="no engine is open")


def test_a_file_is_kept_whole_or_refused(tmp_path):
    header, _ = Worker(tmp_path).answer(encode_request(STORE), [CONTENT])
    assert Path(header["path"]) == tmp_path / STORE.name
    assert Path(header["path"]).read_bytes() == b"a model"
    header, _ = Worker(tmp_path).answer(encode_request(STORE), [CONTENT[:-1]])
    assert "has SHA-256" in header["message"]
    header, _ = Worker().answer(encode_request(STORE), [CONTENT])
    assert header["message"].endswith("reads files where they are, and takes none")


def test_a_specification_arrives_whole(tmp_path, monkeypatch):
    """Every field that it has, paths as whole ones."""
    monkeypatch.chdir(tmp_path)
    assert whole_paths(SPEC) == SPEC
    files = {"model": Path("a.onnx"), "engine_file": Path("b"), "weights": Path("c.pth")}
    spec = whole_paths(EngineSpec("x", "fp16", "cuda", **files))
    sent = encode_request(Open(spec=spec, factory=FACTORY))
    assert set(sent["spec"]) == set(EngineSpec.__dataclass_fields__)
    assert sent["spec"]["model"] == str(tmp_path / "a.onnx")
    assert sent["spec"]["engine_file"] == str(tmp_path / "b")
    assert (sent["spec"]["weights"], sent["spec"]["precision"]) == ("c.pth", "fp16")


@pytest.mark.parametrize(
    ("header", "n_arrays", "words"),
    [
        ({"kind": "outputs"}, 3, "not right: Object missing required field `seconds`"),
        ({"kind": "outputs", "seconds": "1"}, 3, r"Expected `float`, got `str` - at `\$.seconds`"),
        ({"kind": "outputs", "seconds": 1.0, "n": 2}, 3, "contains unknown field `n`"),
        ({"kind": "ready"}, 0, "Invalid value 'ready' - at `\\$.kind`"),
        ({}, 0, "missing required field `kind`"),
        ({"kind": "tensors", "names": []}, 0, "it answered 'tensors', expected 'outputs'"),
        ({"kind": "outputs", "seconds": 1.0}, 2, "it sent 2 arrays with 'outputs', expected 3"),
        ({"kind": "error", "type": "KeyError"}, 0, "missing required field `message`"),
    ],
    ids=["absent", "type", "unknown", "kind", "no-kind", "other", "arrays", "error"],
)
def test_an_answer_that_is_not_right_is_named_with_its_field(header, n_arrays, words):
    with pytest.raises(GarbageError, match=words):
        decode_answer(header, n_arrays, Outputs)


def test_each_tensor_has_an_array():
    header = {"kind": "tensors", "names": ["a", "b"]}
    assert decode_answer(header, 2, Tensors) == Tensors(names=["a", "b"])
    with pytest.raises(GarbageError, match="it sent 3 arrays with 'tensors', expected 2"):
        decode_answer(header, 3, Tensors)
