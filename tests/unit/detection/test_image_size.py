"""The size of an image is read from its header, and too large ones are never decoded."""

import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest

from retinaface.detection.image_size import (
    MAX_PIXELS,
    MAX_SIDE,
    Size,
    is_image,
    size_problem,
    stated_size,
)
from retinaface.detection.images import decode_image
from retinaface.errors import ImageError
from tests.support.hostile.pngs import png

COLOUR = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
WAYS = {
    "jpg": (COLOUR, []),
    "progressive.jpg": (COLOUR, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "png": (COLOUR, []),
    "bmp": (COLOUR, []),
    "webp": (COLOUR, [cv2.IMWRITE_WEBP_QUALITY, 50]),
    "lossless.webp": (COLOUR, [cv2.IMWRITE_WEBP_QUALITY, 101]),
    "alpha.webp": (np.dstack([COLOUR, COLOUR[..., 0]]), [cv2.IMWRITE_WEBP_QUALITY, 50]),
    "tiff": (COLOUR, []),
    "16-bit.tiff": (COLOUR.astype(np.uint16), []),
    "jp2": (COLOUR, []),
    "ppm": (COLOUR, []),
    "pgm": (COLOUR[..., 0], []),
    "pbm": (COLOUR[..., 0], []),
    "pam": (COLOUR, []),
    "sr": (COLOUR, []),
    "hdr": (COLOUR.astype(np.float32), []),
    "pfm": (COLOUR.astype(np.float32), []),
}


def encoded(name):
    image, options = WAYS[name]
    return bytes(cv2.imencode(f".{name.rpartition('.')[2]}", image, options)[1])


@pytest.mark.parametrize("name", WAYS)
def test_the_size_of_each_format_is_that_of_the_decoded_image(name):
    data = encoded(name)
    size = stated_size(data)
    assert (size.height, size.width) == decode_image(data, name).shape[:2] == (64, 80)
    assert size_problem(data) == ""


@pytest.mark.parametrize("name", WAYS)
def test_a_header_that_was_cut_short_is_an_error(name):
    data = encoded(name)
    for n_bytes in range(48):
        with pytest.raises(ImageError):
            decode_image(data[:n_bytes], name)


def at(data, place, form, *values):
    """Change numbers of a file."""
    changed = bytearray(data)
    struct.pack_into(form, changed, place, *values)
    return bytes(changed)


def jpeg_of(height, width):
    data = encoded("jpg")
    return at(data, data.index(b"\xff\xc0") + 5, ">HH", height, width)


def tiff(*entries, order="<"):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    packed = (struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in entries)
    return mark + struct.pack(order + "IH", 8, len(entries)) + b"".join(packed) + bytes(4)


JP2 = encoded("jp2")
HUGE = {
    "png": png(30_000, 30_000, pixels=b""),
    "jpg": jpeg_of(30_000, 30_000),
    "bmp": at(encoded("bmp"), 18, "<ii", 30_000, -30_000),
    "bmp-of-os2": b"BM" + bytes(12) + struct.pack("<IHH", 12, 30_000, 30_000) + bytes(40),
    "gif": b"GIF89a" + struct.pack("<HH", 30_000, 30_000) + bytes(20),
    "webp": b"RIFF____WEBPVP8X____" + bytes(4) + b"\x30\x75\0\x30\x75\0",
    "webp-lossless": b"RIFF____WEBPVP8L____/" + struct.pack("<I", 16_000 << 14 | 16_000),
    "webp-lossy": b"RIFF____WEBPVP8 ____" + bytes(6) + struct.pack("<HH", 16_000, 16_000),
    "tiff": tiff((256, 30_000), (257, 30_000)),
    "tiff-of-motorola": tiff((256, 30_000), (257, 30_000), order=">"),
    "tiff-tiles": tiff((256, 8), (257, 8), (322, 30_000), (323, 30_000)),
    "tiff-twice": tiff((256, 8), (256, 30_000), (257, 30_000)),
    "pgm": b"P5 # a comment\n30000\n# another\n30000 255\n",
    "pfm": b"PF\n30000 30000\n-1\n",
    "pam": b"P7\nWIDTH 30000\nHEIGHT 30000\nDEPTH 3\nENDHDR\n",
    "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n",
    "sun": b"\x59\xa6\x6a\x95" + struct.pack(">II", 30_000, 30_000) + bytes(24),
    "jp2": at(JP2, JP2.index(b"\xff\x4f\xff\x51") + 8, ">II", 30_000, 30_000),
    "jp2-components": at(
        JP2, JP2.index(b"\xff\x4f\xff\x51") + 8, ">IIIIIIIIH", 999, 999, *[0] * 6, 16384
    ),
    "avif": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1"
    + b"ispe\0\0\0\0"
    + struct.pack(">II", 30_000, 30_000),
}


@pytest.mark.parametrize("name", HUGE)
def test_more_pixels_than_the_limit_are_refused_by_the_header(name):
    with pytest.raises(ImageError, match=r"x.* px, expected at most (67|34|0) megapixels"):
        decode_image(HUGE[name], name)


def test_a_pixel_more_than_the_limit_is_refused():
    side = 1 << 13
    assert side * side == MAX_PIXELS
    assert "megapixels" in size_problem(png(side, side + 1, pixels=b""))
    assert size_problem(png(side, side, pixels=b"")) == ""


def test_thin_images_beyond_what_libraries_take_are_refused(capfd):
    for width, height in ((10**8, 1), (1, 10**8), (MAX_SIDE + 1, 1)):
        with pytest.raises(ImageError, match="px, expected at most 1000000 a side"):
            decode_image(png(width, height, pixels=b""), "thin")
    assert capfd.readouterr().err == ""


def test_an_image_without_pixels_is_damaged():
    for width, height in ((0, 5), (5, 0)):
        with pytest.raises(ImageError, match="damaged"):
            decode_image(png(width, height, pixels=b""), "empty")


def test_scans_are_limited_by_the_time_that_they_take():
    scans = jpeg_of(8000, 8000) + b"\xff\xda\0\2" * 30
    assert "31 scans" in size_problem(scans)
    assert size_problem(encoded("jpg") + b"\xff\xda\0\2" * 30) == ""


def test_a_second_frame_of_a_jpeg_counts():
    data = encoded("jpg")
    frame = jpeg_of(30_000, 30_000)
    start = frame.index(b"\xff\xc0")
    assert stated_size(data[:2] + frame[start : start + 19] + data[2:])[:2] == (30_000, 30_000)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", b"\x7fELF", b"GIF7", b"P8 1 1"])
def test_other_files_are_no_images(data):
    assert not is_image(data)
    assert stated_size(data) is None


def test_no_memory_is_spent_on_an_image_that_is_refused():
    code = (
        "import resource, sys\n"
        "from retinaface.detection.images import decode_image\n"
        "from retinaface.errors import ImageError\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + (64 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try:\n    decode_image(sys.stdin.buffer.read(), 'bomb')\n"
        "except ImageError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=HUGE["png"], capture_output=True, check=True
    )
    assert b"30000x30000 px, expected at most 67 megapixels" in done.stdout


def test_sizes_carry_the_weight_of_their_format():
    assert Size(1, 2).weight == 1
    assert stated_size(HUGE["gif"]).weight == 2
