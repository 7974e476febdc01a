"""Weights in other files are read from the file's folder, exactly as many bytes as axes say."""

import os

import numpy as np
import pytest

from retinaface.formats.faults import FormatError

pytestmark = pytest.mark.needs("onnx")


def outside(dims=(2, 3), kind=1, **places):
    from onnx import TensorProto

    tensor = TensorProto(name="w", data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in places.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def read(folder, *tensors, most_bytes=2**20):
    from retinaface.export.reading.weights import read_weights

    read_weights(tensors, folder, most_bytes)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "w.bin").write_bytes(np.arange(8, dtype=np.float32).tobytes())
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("place", "first"),
    [({"offset": "8"}, 2.0), ({"offset": "4", "length": "24"}, 1.0)],
    ids=["to the end", "length"],
)
def test_values_come_into_the_tensor(folder, place, first):
    from onnx import numpy_helper

    tensor = outside(location="w.bin", **place)
    read(folder, tensor)
    expected = first + np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(numpy_helper.to_array(tensor), expected)


@pytest.mark.parametrize(
    ("tensor", "match"),
    [
        ({"location": "missing"}, "no such file"),
        ({"location": "n" * 5000}, "no such file"),
        ({"location": "nul\0l"}, "no such file"),
        ({}, "no such file"),
        ({"location": "../w.bin"}, "its own folder"),
        ({"location": "pipe"}, "which is a (named )?pipe"),
        ({"location": "w.bin", "length": "8"}, "expected 24 bytes for them, got 8"),
        ({"location": "w.bin", "length": "24", "offset": "12"}, "from 12 on of w.bin"),
        ({"location": "w.bin", "offset": "40"}, "expected 24 bytes for them, got -8"),
        ({"location": "w.bin", "offset": "-1"}, "expected a number of bytes"),
        ({"location": "w.bin", "offset": "9" * 5000}, "expected a number of bytes"),
        ({"location": "w.bin", "length": "1e3"}, "expected a number of bytes"),
        ({"location": "w.bin", "kind": 8}, "holds texts"),
        ({"location": "w.bin", "dims": (2**40,), "length": str(2**42)}, "which has 32"),
    ],
)
def test_what_cannot_be_read_is_named(folder, tensor, match):
    with pytest.raises(FormatError, match=match):
        read(folder, outside(**tensor))


def test_one_file_for_many_tensors_has_a_limit(folder):
    place = {"location": "w.bin", "length": "24"}
    read(folder, *(outside(**place) for _ in range(4)), most_bytes=96)
    with pytest.raises(FormatError, match="more than 96 bytes"):
        read(folder, *(outside(**place) for _ in range(5)), most_bytes=96)
