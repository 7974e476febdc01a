import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.onnx_model import Port, check_interface, check_precision, read_precision
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model

FILE = Path("x.onnx")
OUTPUTS = [Port(name, "f32", np.float32, ("N", 4200, 4)) for name in ("loc", "conf", "landmarks")]


def spec(size=(320, 320), max_batch=2, precision="fp32"):
    height, width = size
    return EngineSpec(
        "acme-x1", precision, "x1", max_batch=max_batch, height_px=height, width_px=width
    )


def taking(*axes, dtype=np.float32, name="input"):
    return [Port(name, "f32", dtype, axes)]


@pytest.mark.parametrize("free", ["batch", None, "?"])
def test_a_batch_that_is_not_a_number_is_free(free):
    assert check_interface(spec(), FILE, taking(free, 3, 320, 320), OUTPUTS) is None


def test_a_fixed_batch_is_returned():
    assert check_interface(spec(), FILE, taking(4, 3, 320, 320), OUTPUTS) == 4


def test_free_axes_take_any_size():
    free = taking("N", 3, "H", "W")
    assert check_interface(spec(), FILE, free, OUTPUTS) is None
    assert check_interface(spec((None, None)), FILE, free, OUTPUTS) is None


@pytest.mark.parametrize(
    ("inputs", "settings", "message"),
    [
        (taking("N", 3, 640, 640), {}, "takes 640x640 inputs, but 320x320 is needed"),
        (taking("N", 3, 320, 320), {"size": (None, None)}, "but free height and width is needed"),
        (taking("N", 1, 320, 320), {}, "takes 320x320 inputs"),
        (taking("N", 3, 320), {}, "expected an input of 4 axes"),
        (taking("N", 3, 320, 320, dtype=None), {}, "expected input -> loc, conf, landmarks"),
        (taking("N", 3, 320, 320, name="x"), {}, "expected input -> loc, conf, landmarks"),
    ],
)
def test_unsuitable_settings_are_refused(inputs, settings, message):
    with pytest.raises(EngineUnavailable, match=message):
        check_interface(spec(**settings), FILE, inputs, OUTPUTS)


def test_a_smaller_batch_is_refused_by_an_engine_that_does_not_split():
    with pytest.raises(EngineUnavailable, match="takes batches of 1, but up to 2 are asked for"):
        check_interface(spec(), FILE, taking(1, 3, 320, 320), OUTPUTS, splits=False)
    assert check_interface(spec(), FILE, taking(1, 3, 320, 320), OUTPUTS) == 1


def test_outputs_in_another_order_are_refused():
    with pytest.raises(EngineUnavailable, match="got input .* -> landmarks, conf, loc"):
        check_interface(spec(), FILE, taking("N", 3, 320, 320), OUTPUTS[::-1])


def test_weights_in_the_other_precision_are_refused():
    check_precision(spec(), FILE, "fp32")
    with pytest.raises(EngineUnavailable, match=r"FP32 model, but .* x.onnx are FP16; no engine"):
        check_precision(spec(), FILE, "fp16")


@pytest.mark.parametrize(
    ("stored", "next_step"),
    [
        ("fp16", "use --engine ort-cpu-fp16, or export with --precision fp32"),
        ("int8", "use --engine ort-cpu-int8, or export with --precision fp32"),
        ("uint4", "no engine here computes in it; export with --precision fp32"),
    ],
)
def test_the_engine_that_fits_a_file_is_named(stored, next_step):
    with pytest.raises(EngineUnavailable, match=f"are {stored.upper()}; {next_step}"):
        check_precision(EngineSpec("ort-cpu-fp32", "fp32", "cpu"), FILE, stored)


def test_the_file_counts_not_what_it_states(tmp_path):
    write_model(tmp_path / "x.onnx", precision="fp16")
    assert read_precision(spec(), tmp_path / "x.onnx", "fp32") == "fp16"


def test_without_onnx_its_statement_counts(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert read_precision(spec(), FILE, "fp16") == "fp16"
    with pytest.raises(EngineUnavailable, match="does not state its precision, and onnx"):
        read_precision(spec(), FILE, None)


@pytest.mark.needs("onnx")
def test_a_file_that_states_nothing_is_read(tmp_path):
    write_model(tmp_path / "x.onnx", precision=None)
    assert read_precision(spec(), tmp_path / "x.onnx", None) == "fp32"


@pytest.mark.needs("onnx")
@pytest.mark.parametrize("content", [b"\xff" * 9, b"", None], ids=["damaged", "empty", "missing"])
def test_a_file_that_cannot_be_read_is_refused_by_whoever_takes_one(tmp_path, content):
    from retinaface.engines.onnx_model import check_file
    from retinaface.engines.sources import read_source

    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    given = dataclasses.replace(spec(), model=path)
    with pytest.raises(EngineUnavailable, match=r"acme-x1 cannot load .*x\.onnx: .*check the file"):
        check_file(given, path)
    with pytest.raises(EngineUnavailable, match=r"acme-x1 cannot load .*x\.onnx: .*check the file"):
        read_precision(given, path, None)
    with pytest.raises(EngineUnavailable, match=r"acme-x1 cannot read .*x\.onnx: .*give an ONNX"):
        read_source(given, (320, 320))


@pytest.mark.needs("onnx")
def test_what_is_no_damage_of_a_file_is_not_taken_for_it(tmp_path, monkeypatch):
    """A mistake of this package is none of the file's."""
    from retinaface.engines.onnx_model import check_file
    from retinaface.engines.sources import read_source
    from retinaface.export import onnx_read

    def mistaken(*_, **__):
        raise KeyError("mistake")

    write_model(tmp_path / "x.onnx")
    monkeypatch.setattr(onnx_read, "read_graph", mistaken)
    given = dataclasses.replace(spec(), model=tmp_path / "x.onnx")
    for read in (lambda: check_file(given, given.model), lambda: read_source(given, (320, 320))):
        with pytest.raises(KeyError, match="mistake"):
            read()
