"""Two runs with traced images."""

import pytest

from tests.support.made.traced_records import make_traced_run, write_model


@pytest.fixture
def old(tmp_path):
    """Make a run with traced images and a model."""
    model = write_model(tmp_path, "same", exported=56)
    return make_traced_run(tmp_path / "old", model=model, engine={"options": {}})


@pytest.fixture
def new(tmp_path):
    """Give a maker of the run to compare with it, with changes."""

    def make(**changes):
        changes.setdefault("model", tmp_path / "same.onnx")
        changes.setdefault("engine", {"options": {}})
        return make_traced_run(tmp_path / "new", **changes)

    return make
