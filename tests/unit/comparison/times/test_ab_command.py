import hashlib
import json
import shlex

import pytest

from retinaface.comparison.pairs import Pair
from retinaface.comparison.times.ab_command import ab_command
from retinaface.records.read import read_run
from tests.support.made.records import RESULT, make_run

FP16 = "ort-cpu-fp16--igie--b32"


def run(folder, *, executable="/venv/bin/python", model=None, packages=None, **more):
    made = make_run(folder, executable=executable, environment={"packages": packages or {}}, **more)
    if model is not None:
        (folder / "models").mkdir()
        (folder / "models" / "m.onnx").write_text(model)
        sha256 = hashlib.sha256(model.encode()).hexdigest()
        path = folder / "record.json"
        record = json.loads(path.read_text())
        kept = {"file": "m.onnx", "sha256": sha256, "kept": "models/m.onnx", "manifest": None}
        record["results"][0]["model"] = kept
        path.write_text(json.dumps(record))
        made = read_run(folder)
    return made


def words(old, new, ids=(RESULT, RESULT)):
    return shlex.split(ab_command(Pair((old, new), ids)))


def test_it_names_both_interpreters_the_batch_and_the_engine(tmp_path):
    old = run(tmp_path / "a", executable="/old env/bin/python")
    new = run(tmp_path / "b", executable="/new/bin/python")
    assert words(old, new) == [
        *("retinaface", "ab", "--a", "/old env/bin/python", "--b", "/new/bin/python"),
        *("--engine", "ort-cpu-fp32", "--batch", "32"),
    ]


def test_each_side_has_its_engine_its_file_and_its_options(tmp_path):
    old = run(tmp_path / "a", model="1", target={"engine_options": {"x": "1"}})
    new = run(tmp_path / "b", model="2", ids=(FP16,), target={"engine_options": {"x": "2"}})
    found = words(old, new, (RESULT, FP16))
    options = dict(zip(found[2::2], found[3::2], strict=True))
    assert (options["--engine"], options["--engine-b"]) == ("ort-cpu-fp32", "ort-cpu-fp16")
    assert options["--model"] == str(tmp_path / "a" / "models" / "m.onnx")
    assert options["--model-b"] == str(tmp_path / "b" / "models" / "m.onnx")
    assert (options["--engine-option"], options["--engine-option-b"]) == ("x=1", "x=2")


@pytest.mark.parametrize(
    ("executable", "packages", "side"),
    [
        (None, {}, "OLD-PYTHON"),
        ("/venv/bin/python", {"onnxruntime": "1.32.0"}, "OLD-PYTHON"),
        ("/venv/bin/python", {}, "/venv/bin/python"),
    ],
    ids=["older record", "one environment that was upgraded", "the same"],
)
def test_an_environment_that_is_not_there_any_more_is_a_placeholder(
    tmp_path, executable, packages, side
):
    old = run(tmp_path / "a", executable=executable)
    found = words(old, run(tmp_path / "b", packages=packages))
    assert found[2:6] == ["--a", side, "--b", "/venv/bin/python"]


def test_embedded_weights_are_named_where_no_file_is_kept(tmp_path):
    target = {"weights": {"embedded": True}}
    found = words(*(run(tmp_path / name, target=target) for name in "ab"))
    assert found[-2:] == ["--weights", "embedded"]
