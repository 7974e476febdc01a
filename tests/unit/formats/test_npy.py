"""One array of NumPy's format: it is read as NumPy reads it, or refused before it takes memory."""

import io

import numpy as np
import pytest

from retinaface.formats.faults import FormatError
from retinaface.formats.npy import read_array
from tests.unit.formats.headers import SHAPE, header

LEFT = 2**20


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(6, dtype=kind).reshape(2, 3) for kind in ("<f2", ">f4", "<i8", "|u1")),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array([True, False]),
        np.array(["\u00e9", "b"]),
        np.array([b"ab"]),
        np.array(["\udcff.jpg"]),
        np.zeros((0, 4)),
        np.float64(2.5),
    ],
    ids=lambda array: f"{array.dtype}-{array.flags.fnc}-{array.size}-{array.ndim}",
)
def test_an_array_is_read_as_numpy_reads_it(array):
    file = io.BytesIO()
    np.save(file, array)
    found = read_array(io.BytesIO(file.getvalue()), len(file.getvalue()), LEFT)
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"no magic at all", "header is damaged"),
        (b"", "header is damaged"),
        (header(SHAPE.format("<f4", "(10000000000,)")), "claims 40000000000 bytes"),
        (header(SHAPE.format("<f4", "(3,)")), "ends after 0 of 12 bytes"),
        (header(SHAPE.format("<f4", "(-3,)")), "header is damaged"),
        (header(SHAPE.format("|O", "(1,)")) + b"x" * 8, "expected numbers or texts, got object"),
        (header(SHAPE.format("<c8", "(1,)")) + b"x" * 8, "expected numbers or texts"),
        (header("(" * 3000), "header is damaged"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "claims 4294967295 bytes"),
        (header(SHAPE.format("<f4", f"(0, {10**30})")), "claims the shape"),
        (header(SHAPE.format("<U1", "(1,)")) + b"\xff" * 4, "no Unicode"),
        (header("{'descr': ", (2, 0)), "header is damaged"),
        (b"\x93NUMPY\x09\x00", "version"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 99, "claims 4294967295 bytes"),
        (header(SHAPE.format("<f4", str((0,) * 33))), "claims the shape"),
        (header(SHAPE.format("<f4", "(1,)")) + b"x" * 5, "claims 4 bytes, and 5 are there"),
        (header(SHAPE.format("<f7", "(1,)")) + b"x" * 7, "expected numbers or texts"),
        (header(SHAPE.format("<U1", "(1,)")) + b"\x00\xd8\x00\x00", "no Unicode"),
        (header(SHAPE.format("|b1", "(1,)")) + b"\x02", "expected 0 or 1"),
    ],
)
def test_a_damaged_array_is_refused(content, match):
    with pytest.raises(FormatError, match=match):
        read_array(io.BytesIO(content), len(content), LEFT)


def test_an_array_beyond_the_limit_is_refused():
    content = header(SHAPE.format("<f4", "(2,)")) + bytes(8)
    with pytest.raises(FormatError, match=r"more than the limit leaves \(7\)"):
        read_array(io.BytesIO(content), len(content), 7)
