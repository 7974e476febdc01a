from pathlib import Path

import pytest

from retinaface.export.tiny_model import write_model
from retinaface.records.write import new_record
from retinaface.suite.run.identity import identity_of
from retinaface.suite.sources import DataChoice
from retinaface.suite.target import Target


@pytest.fixture
def of(tmp_path):
    suites = tmp_path / "suites"
    suites.mkdir()
    (suites / "test_a.py").write_text("x = 1\n")
    (tmp_path / "model.onnx").write_bytes(b"one")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").write_bytes(b"one")
    (tmp_path / "truth.txt").write_text("")
    record = new_record() | {"target": {}}

    def call(tests=("a", "b")):
        data = DataChoice(tmp_path / "set", ground_truth=tmp_path / "truth.txt")
        target = Target(models=(tmp_path / "model.onnx",), data=data)
        return identity_of(record, target, tests, suites)

    return call


def test_the_same_run_is_the_same(of):
    assert of() == of()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda folder: (folder / "model.onnx").write_bytes(b"two"), "the files"),
        (lambda folder: (folder / "truth.txt").write_text("more"), "the ground truth"),
        (lambda folder: (folder / "set/b.jpg").write_bytes(b"two"), "the images"),
        (lambda folder: (folder / "suites/test_a.py").write_text("x = 2\n"), "retinaface"),
    ],
)
def test_a_change_is_named(of, tmp_path, change, named):
    before = of()
    change(Path(tmp_path))
    after = of()
    assert [key for key in before if before[key] != after[key]] == [named]


def test_other_tests_are_another_run(of):
    assert of(("a",))["the tests"] != of()["the tests"]


@pytest.mark.needs("onnx")
def test_weights_that_a_model_keeps_in_another_file_belong_to_it(tmp_path):
    import onnx

    write_model(model := tmp_path / "x.onnx")
    onnx.save(onnx.load(model), model, save_as_external_data=True, location="w", size_threshold=0)
    target = Target(models=(model,), data=DataChoice(tmp_path))
    record = new_record() | {"target": {}}
    before = identity_of(record, target, (), tmp_path)["the files"]
    weights = bytearray((tmp_path / "w").read_bytes())
    weights[0] ^= 1
    (tmp_path / "w").write_bytes(weights)
    assert identity_of(record, target, (), tmp_path)["the files"] != before
