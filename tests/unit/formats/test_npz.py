"""Arrays of strangers: what a file claims is checked before memory is spent."""

import io
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from retinaface.formats import npz
from retinaface.formats.faults import FormatError
from retinaface.formats.npz import (
    Array,
    check_arrays,
    check_names,
    check_offsets,
    check_range,
    member_names,
    read_arrays,
)
from tests.unit.formats.headers import SHAPE, header

ARRAYS = {
    "a/x": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a/names": np.array(["é", "b"]),
    "b": np.zeros((0, 4), np.int16),
    "f": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "one": np.float64(2.5),
}


@pytest.fixture
def path(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    return tmp_path / "a.npz"


def written(path, content, name="x.npy"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


def test_arrays_are_read_as_numpy_reads_them(path):
    assert member_names(path) == list(ARRAYS)
    found = read_arrays(path)
    with np.load(path) as expected:
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name])
            assert array.dtype == expected[name].dtype
            assert array.flags.writeable
    assert list(read_arrays(path, lambda name: name.startswith("a/"))) == ["a/x", "a/names"]


def test_what_is_no_archive_is_refused(tmp_path, path):
    for content in (b"", b"hello", path.read_bytes()[:100]):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(FormatError, match=r"no \.npz file"):
            read_arrays(tmp_path / "x.npz")


def test_a_bomb_of_zeros_is_refused_by_what_it_claims(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_ARRAY_BYTES", 1000)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(100), b=np.zeros(100))
    with pytest.raises(FormatError, match="'b': it claims 800 bytes, more than .* leaves"):
        read_arrays(tmp_path / "x.npz")


def test_too_many_members_are_refused(path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_MEMBERS", 4)
    with pytest.raises(FormatError, match="more than 4 members"):
        member_names(path)


FORM = {
    "offsets": Array("iu", ("I+1",)),
    "images": Array("U", ("I",)),
    "boxes": Array("f", ("D", 4)),
    "more": Array("f", ("D",), is_optional=True),
}


def whole():
    return {
        "offsets": np.array([0, 1, 3]),
        "images": np.array(["a", "b"]),
        "boxes": np.zeros((3, 4), np.float32),
    }


def test_axes_of_one_name_have_one_length():
    assert check_arrays(whole(), FORM) == {"I": 2, "D": 3}
    assert check_arrays(whole() | {"more": np.zeros(3)}, FORM)["D"] == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"boxes": np.zeros((3, 5))},
        {"boxes": np.zeros(3)},
        {"boxes": np.zeros((3, 4), int)},
        {"boxes": np.array(["a"])},
        {"images": np.array(["a"])},
        {"images": np.array("a")},
        {"more": np.zeros(2)},
    ],
)
def test_another_form_is_refused_by_name(changed):
    with pytest.raises(FormatError, match=f"array '{next(iter(changed))}': expected"):
        check_arrays(whole() | changed, FORM)


def test_a_missing_array_is_named():
    with pytest.raises(FormatError, match="array 'images' is missing"):
        check_arrays({"offsets": np.array([0])}, FORM)


def test_rows_ranges_and_names_are_checked():
    check_offsets("o", np.array([0, 0, 3]), 3)
    for wrong in ([1, 3], [0, 2], [0, 4, 3]):
        with pytest.raises(FormatError, match="begin at 0, rise, and end at 3"):
            check_offsets("o", np.array(wrong), 3)
    check_range("r", np.array([0.0, 1.0]), 0, 1)
    for wrong in ([-1.0], [2.0], [np.nan]):
        with pytest.raises(FormatError, match="values from 0 to 1"):
            check_range("r", np.array(wrong), 0, 1)
    with pytest.raises(FormatError, match="stands in it twice"):
        check_names("n", ["a", "a"])


def test_a_checksum_that_does_not_agree_is_damage(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.arange(1000))
    path = written(tmp_path / "x.npz", buffer.getvalue())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match="array 'x': it is damaged"):
        read_arrays(path)


def test_an_array_that_stands_in_it_twice_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("x.npy", header(SHAPE.format("<f4", "(0,)")))
    with pytest.raises(FormatError, match="'x' is in it twice"):
        read_arrays(path)


def lzma_zip(path, content, *, claims, dictionary=None):
    """Write a member whose size in the directory is another one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", content)
        start = archive.infolist()[0].header_offset + 30 + len("x.npy")
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\1\2")
    data[at + 24 : at + 28] = claims.to_bytes(4, "little")
    if dictionary:
        data[start + 5 : start + 9] = dictionary.to_bytes(4, "little")
    path.write_bytes(data)
    return path


def test_a_bomb_of_lzma_takes_no_more_than_it_claims(tmp_path):
    """Its decompressor takes no limit: what goes into it is limited."""
    text = header(SHAPE.format("<f4", "(1000,)"))
    path = lzma_zip(tmp_path / "x.npz", text + bytes(2**27), claims=len(text) + 4000)
    tracemalloc.start()
    with pytest.raises(FormatError, match="Bad CRC"):
        read_arrays(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**25  # what 4 KiB hold, twice


def test_memory_for_unpacking_has_a_limit(tmp_path):
    text = header(SHAPE.format("<f4", "(1,)")) + bytes(4)
    path = lzma_zip(tmp_path / "x.npz", text, claims=len(text), dictionary=2**32 - 1)
    with pytest.raises(FormatError, match="asks for 4294967295 bytes to unpack"):
        read_arrays(path)


def test_a_method_without_a_limit_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x.npy", header(SHAPE.format("<f4", "(0,)")))
    with pytest.raises(FormatError, match="method 12"):
        read_arrays(tmp_path / "x.npz")
