"""Files of weights are found by the fields of the file, however they are written, in its folder."""

import pytest

from retinaface.export.reading.places import file_of, locations_in
from retinaface.formats.faults import FormatError


def field(number, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + head + content


def model(*entries):
    """Write a model of one tensor with entries of `external_data`."""
    return field(7, field(5, b"".join(field(13, entry) for entry in entries)))


KEY = field(1, b"location")


@pytest.mark.parametrize(
    "entry",
    [
        KEY + field(2, b"a.bin"),
        field(2, b"a.bin") + KEY,
        b"\x0a\x88\x00location" + field(2, b"a.bin"),  # a length of two bytes where one is enough
        KEY + field(2, b"other") + field(2, b"a.bin"),
    ],
    ids=["as written by onnx", "value first", "long length", "the last counts"],
)
def test_a_place_is_found_however_it_is_written(entry):
    assert locations_in(model(field(1, b"offset") + field(2, b"0"), entry)) == {"a.bin"}


@pytest.mark.parametrize("n", [127, 128, 255, 4000])
def test_names_of_any_length_are_read_whole(n):
    assert locations_in(model(KEY + field(2, b"n" * n))) == {"n" * n}


def test_weights_that_look_like_a_place_are_none():
    assert locations_in(field(7, field(5, field(9, KEY + field(2, b"a.bin"))))) == set()


def test_what_no_file_can_be_named_is_not_there(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    assert file_of("a.bin", tmp_path) == tmp_path / "a.bin"
    for name in ("", "missing", "n" * 5000, "nul\0l", "folder", "a.bin/x"):
        assert file_of(name, tmp_path) is None


def test_what_lies_outside_of_the_folder_is_refused(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "secret")
    for name in ("../secret", str(tmp_path / "secret"), "link", "..\\secret", "../missing"):
        with pytest.raises(FormatError, match="expected a file in its own folder"):
            file_of(name, folder)
