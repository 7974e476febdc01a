"""A tensor is of a known type and holds as many values as its axes say."""

import numpy as np
import pytest

from retinaface.formats.faults import FormatError

pytestmark = pytest.mark.needs("onnx")


def tensor(array, **fields):
    from onnx import numpy_helper

    made = numpy_helper.from_array(array, "w")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "bool", "complex64", "int64"])
def test_whole_tensors_pass_raw_and_as_numbers(dtype):
    from onnx import helper

    from retinaface.export.reading.tensors import check_tensor

    array = np.ones((2, 3), dtype)
    check_tensor(tensor(array))
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    check_tensor(helper.make_tensor("w", kind, array.shape, array.ravel().tolist()))
    check_tensor(tensor(np.array(["a", "b"], object)))


def segmented(one):
    one.segment.begin = 0


def of_many_axes(one):
    one.dims.extend([1] * 40)


def wide(one):
    one.dims[0] = 2**62


@pytest.mark.parametrize(
    ("damage", "match"),
    [(segmented, "in segments"), (of_many_axes, "has the axes"), (wide, "has the axes")],
    ids=["segment", "axes", "wide"],
)
def test_what_numpy_cannot_take_is_named(damage, match):
    from retinaface.export.reading.tensors import check_tensor

    one = tensor(np.ones((2, 3), np.float32))
    damage(one)
    with pytest.raises(FormatError, match=match):
        check_tensor(one)


def test_a_long_name_is_not_repeated_whole():
    from retinaface.export.reading.tensors import check_tensor

    with pytest.raises(FormatError) as caught:
        check_tensor(tensor(np.ones(2, np.float32), name="n" * 10**6, data_type=99))
    assert len(str(caught.value)) < 200
