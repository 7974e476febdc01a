from pathlib import Path

import pytest

from retinaface.suite.display.header import header_lines
from retinaface.suite.target import Target


def test_each_thing_stands_on_a_line_with_its_name():
    lines = header_lines(Target(engines=("a", "b"), engines_named=True, pipelines=("igie",)))
    assert lines[:3] == ["RetinaFace validation", "engines   a, b", "pipelines igie"]
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names == ["RetinaFace", "engines", "pipelines", "weights", "data", "versions", "device"]


def test_engines_that_nobody_named_are_the_default():
    assert header_lines(Target(engines=("a",)))[1] == "engines   a (default)"


def test_what_is_given_is_named():
    target = Target(
        models=(Path("a.onnx"),), engine_files=(Path("b.so"),), engine_options={"threads": "2"}
    )
    text = "\n".join(header_lines(target))
    for line in ("options   threads=2", "models    a.onnx", "builds    b.so"):
        assert line in text


def test_what_was_done_to_read_the_weights_follows_their_name():
    names = ("weights", "note", "note")
    lines = header_lines(Target(weights_notes=("w.pth: one", "w.pth: two")))
    start = next(i for i, line in enumerate(lines) if line.startswith("weights"))
    found = lines[start : start + 3]
    assert tuple(line.split()[0] for line in found) == names
    assert found[1:] == ["note      w.pth: one", "note      w.pth: two"]


def test_the_quick_selection_is_named_in_the_first_line():
    line = header_lines(Target(), is_quick=True)[0]
    assert line == "RetinaFace validation: quick selection, all with --full"


@pytest.mark.parametrize("width", [60, 80])
def test_the_header_is_short_and_fits_the_terminal(width):
    lines = header_lines(Target(), is_quick=True, width=width)
    assert len(lines) <= 11
    assert max(map(len, lines)) <= width
