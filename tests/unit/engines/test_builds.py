"""The cache of builds, and the time that a build took."""

import contextlib
import json
import time
from pathlib import Path

import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import build_seconds, cached_build, refusing
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model
from retinaface.telling.work import shown_by
from tests.support.foreign_files import change_last_weight, move_weights_outside

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"graph")
    return path


def spec(**changes):
    names = {"name": "acme-x1-fp16", "device": "x1", "precision": "fp16"}
    return EngineSpec(**{**names, **changes})


class Builds:
    def __init__(self, seconds=0.0):
        self.seconds, self.n = seconds, 0

    def __call__(self, path: Path):
        self.n += 1
        time.sleep(self.seconds)
        path.write_bytes(b"plan")


def test_a_build_is_made_once_and_remembers_its_time(source):
    build = Builds(0.05)
    first = cached_build(spec(), source, ".plan", {"version": "1"}, build)
    again = cached_build(spec(), source, ".plan", {"version": "1"}, build)
    assert (first, build.n) == (again, 1)
    assert 0.05 <= build_seconds(time.perf_counter(), again) < 5
    assert json.loads(Path(f"{again}.json").read_text())["version"] == "1"


@pytest.mark.needs("onnx")
def test_other_weights_in_a_file_beside_the_graph_are_another_build(tmp_path):
    write_model(tmp_path / "model.onnx")
    data = move_weights_outside(tmp_path / "model.onnx")
    build = Builds()
    first = cached_build(spec(), tmp_path / "model.onnx", ".plan", {}, build)
    change_last_weight(data, 7)
    assert cached_build(spec(), tmp_path / "model.onnx", ".plan", {}, build) != first
    assert build.n == 2


def test_a_build_that_is_not_what_was_written_is_made_again_and_says_so(source):
    build, told = Builds(), []

    def show(what):
        told.append(what)
        return contextlib.nullcontext()

    with shown_by(show):
        path = cached_build(spec(), source, ".plan", {}, build)
        path.write_bytes(b"plam")
        assert cached_build(spec(), source, ".plan", {}, build).read_bytes() == b"plan"
    assert build.n == 2
    assert "again" not in told[0]
    assert told[1].endswith("(again: the one in the cache is not what was written there)")


def test_the_time_of_opening_counts_if_it_is_longer(source):
    path = cached_build(spec(), source, ".plan", {}, Builds())
    assert build_seconds(time.perf_counter() - 9, path) >= 9


@pytest.mark.parametrize("note", [None, "", "[]", "{}", '{"build_s": null}', '{"build_s": "fast"}'])
def test_a_foreign_build_counts_only_the_time_of_opening(tmp_path, note):
    path = tmp_path / "given.plan"
    path.write_bytes(b"plan")
    if note is not None:
        Path(f"{path}.json").write_text(note)
    assert build_seconds(time.perf_counter(), path) < 5


@pytest.mark.parametrize("change", ["source", "version", "precision", "options", "build"])
def test_another_source_or_setting_is_another_build(source, change):
    build = Builds()
    first = cached_build(spec(), source, ".plan", {"version": "1"}, build)
    if change == "source":
        source.write_bytes(b"another")
    changed = {"precision": "fp32", "options": {"batch": "8"}, "build": 2}
    other = spec(**({change: changed[change]} if change in changed else {}))
    key = {"version": "2" if change == "version" else "1"}
    assert cached_build(other, source, ".plan", key, build) != first
    assert build.n == 2


def test_a_build_that_fails_leaves_nothing(source, tmp_path):
    def fails(path):
        path.write_bytes(b"half")
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError):
        cached_build(spec(), source, ".plan", {}, fails)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_an_error_of_a_compiler_becomes_a_refusal_of_a_line():
    message = "^acme cannot build x.onnx: RuntimeError: no kernel; try a file of another opset or"
    with (
        pytest.raises(EngineUnavailable, match=message) as caught,
        refusing("acme cannot build x.onnx"),
    ):
        raise RuntimeError("no kernel\nand a long trace")
    assert "\n" not in str(caught.value)


def test_a_refusal_inside_a_build_stays_as_it_is():
    with (
        pytest.raises(EngineUnavailable, match="^nothing to link it with$"),
        refusing("acme cannot build x.onnx"),
    ):
        raise EngineUnavailable("nothing to link it with")
