from pathlib import Path

import pytest

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
    record = new_record() | {"target": {}}

    def call(tests=("a", "b")):
        data = DataChoice(tmp_path / "set")
        target = Target(models=(tmp_path / "model.onnx",), data=data)
        return identity_of(record, target, tests, suites)

    return call


def test_the_same_run_is_the_same(of):
    assert of() == of()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda folder: (folder / "model.onnx").write_bytes(b"two"), "the files"),
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
