import cv2
import numpy as np
import pytest

from retinaface.detection.images import decode_image, read_image
from retinaface.errors import ImageError
from retinaface.network.scenes import scene

FORMATS = {
    "jpg": [],
    "progressive.jpg": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "png": [],
    "bmp": [],
    "webp": [],
    "tiff": [],
}


def encode(name, image):
    ending = "." + name.rsplit(".", 1)[-1]
    return bytes(cv2.imencode(ending, image, FORMATS.get(name, []))[1])


@pytest.mark.parametrize("name", FORMATS)
def test_read_image_decodes_as_imread_does(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encode(name, scene(60, 80, 1)))
    np.testing.assert_array_equal(read_image(path), cv2.imread(str(path), cv2.IMREAD_COLOR))


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("grey.png", scene(40, 50, 1)[..., 0]),
        ("16bit.png", scene(40, 50, 1).astype(np.uint16) * 257),
        ("rgba.png", np.dstack([scene(40, 50, 1), np.full((40, 50), 9, np.uint8)])),
        ("one-pixel.jpg", scene(1, 1, 1)),
        ("grey.jpg", scene(40, 50, 1)[..., 0]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read_image_turns_unusual_kinds_into_8_bit_bgr(tmp_path, name, image):
    path = tmp_path / name
    path.write_bytes(encode(name, image))
    decoded = read_image(path)
    assert decoded.dtype == np.uint8
    assert decoded.shape == (*image.shape[:2], 3)
    np.testing.assert_array_equal(decoded, cv2.imread(str(path), cv2.IMREAD_COLOR))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95, "one byte", "two bytes"])
@pytest.mark.parametrize("name", FORMATS)
def test_read_image_refuses_a_file_that_was_cut_short(tmp_path, name, share, capfd):
    data = encode(name, scene(60, 80, 1))
    cut = {"one byte": 1, "two bytes": 2}.get(share) or round(len(data) * (1 - share))
    path = tmp_path / name
    path.write_bytes(data[:-cut])
    with pytest.raises(ImageError, match="damaged or cut short|not an image"):
        read_image(path)
    assert capfd.readouterr().err == ""


def test_read_image_reports_what_is_wrong(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(ImageError, match=r"missing\.jpg: No such file.*check the path"):
        read_image(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match=r"empty \(0 bytes\)"):
        read_image(tmp_path / "empty.jpg")
    with pytest.raises(ImageError, match="not an image"):
        read_image(tmp_path / "text.jpg")
    with pytest.raises(ImageError, match="Is a directory"):
        read_image(tmp_path)


def test_decode_image_applies_the_exif_orientation():
    plain = encode("jpg", scene(20, 40, 1))
    # APP1: little-endian TIFF header, one entry, tag 0x0112 (orientation), short, 1 value: 6.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    rotated = plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]
    assert decode_image(rotated, "rotated").shape == (40, 20, 3)


@pytest.mark.parametrize("name", ["jpg", "progressive.jpg", "png"])
def test_a_file_with_an_end_of_zeros_is_refused(tmp_path, name, capfd):
    """An interrupted download that reserved its space first leaves such a file."""
    data = encode(name, scene(60, 80, 1))
    path = tmp_path / name
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_image(path)
    assert capfd.readouterr().err == ""


def test_bytes_after_the_end_of_a_jpeg_are_accepted():
    data = encode("jpg", scene(60, 80, 1))
    np.testing.assert_array_equal(decode_image(data + b"trailer", "x"), decode_image(data, "x"))
