"""A PNG is read up to its end, and may not unpack to more than its pixels."""

import zlib

import cv2
import numpy as np
import pytest

from retinaface.detection.png import png_is_whole
from tests.support.hostile.pngs import chunk, png


def noise(side):
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


@pytest.mark.parametrize("image", [noise(8), noise(1000), noise(1000)[..., 0]])
def test_what_a_tool_writes_is_whole(image):
    data = bytes(cv2.imencode(".png", image)[1])
    assert png_is_whole(data)
    assert not png_is_whole(data[:-1])
    assert not png_is_whole(data.replace(b"IEND", b"IENd"))


def test_data_beyond_the_pixels_is_refused_where_it_would_take_long():
    assert png_is_whole(png(8, 8))
    packer = zlib.compressobj(0)
    long = packer.compress(bytes(4 << 20)) + packer.flush()
    assert not png_is_whole(png(8, 8, pixels=long))
    assert png_is_whole(png(1200, 1200, pixels=long))


def test_data_that_does_not_unpack_is_damaged():
    assert not png_is_whole(png(1200, 1200, pixels=bytes(3 << 20)))


def test_a_chunk_that_ends_beyond_the_file_is_damaged():
    assert not png_is_whole(png(8, 8)[:33] + b"\xff\xff\xff\xffIDAT")
    assert not png_is_whole(b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b""))
