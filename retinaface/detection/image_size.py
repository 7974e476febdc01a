"""Read the size of an image from its header, so that no image is decoded that is too large.

OpenCV allocates what a header states, and a file of 100 kB may state 30000x30000. Where a format
can state a size in several places, the largest counts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

_JPEG_SIGNATURE = b"\xff\xd8\xff"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JP2_CODESTREAM = b"\xff\x4f\xff\x51"

# 67 megapixels: full-frame cameras have up to 60.2 (9504x6336). OpenCV needs 6 to 9 bytes for each,
# the pipelines that compute in float32 need 15: 0.96 GiB. The slowest kind of PNG takes 6 s.
MAX_PIXELS = 64 << 20
# That of libpng; OpenCV's is 2^20.
MAX_SIDE = 1_000_000
# For formats whose decoders need 12 to 17 bytes for each pixel (measured at 8000x8000).
_HEAVY = 2
# Each scan of a progressive JPEG passes over all pixels; libjpeg's own script has 10 scans.
_MAX_SCANNED = 20 * MAX_PIXELS
_START_OF_SCAN = b"\xff\xda"
_HEADER_BYTES = 1 << 16


class Size(NamedTuple):
    """What a header states.

    Attributes:
        width: Pixels.
        height: Pixels.
        weight: Decoding takes so many times the memory of the usual formats.
    """

    width: int
    height: int
    weight: int = 1


def size_problem(data: bytes) -> str:
    """Say why an image is not decoded; empty for one of a size that can be.

    Args:
        data: The file, with a signature that `is_image` knows.
    """
    size = stated_size(data)
    if size is None or size.width < 1 or size.height < 1:
        return f"the file is damaged or cut short after {len(data)} bytes; fetch it again"
    limit, n_pixels = MAX_PIXELS // size.weight, size.width * size.height
    if max(size.width, size.height) > MAX_SIDE:
        shape = f"{size.width}x{size.height}"
        return f"it has {shape} px, expected at most {MAX_SIDE} a side; leave it out"
    if n_pixels > limit:
        return (
            f"it has {size.width}x{size.height} px, expected at most {limit / 1e6:.0f} megapixels "
            "in this format; make it smaller, or leave it out"
        )
    if data.startswith(_JPEG_SIGNATURE):
        n_scans = data.count(_START_OF_SCAN)
        if n_scans * n_pixels > _MAX_SCANNED:
            return f"it has {n_scans} scans, more than any tool writes; save it again"
    return ""


def is_image(data: bytes) -> bool:
    """Tell by the first bytes whether a file is in a format that is read."""
    return _reader(data) is not None


def stated_size(data: bytes) -> Size | None:
    """Read the size from the header; None where the header is damaged, or of no format known."""
    read = _reader(data)
    try:
        return None if read is None else read(data)
    except (struct.error, IndexError):  # the header is cut short
        return None


def _reader(data: bytes) -> Callable[[bytes], Size | None] | None:
    if data[4:8] == b"ftyp" and re.search(rb"avi[fs]|mif1", data[8:64]):
        return _avif
    found = (read for signatures, read in _READERS if data.startswith(signatures))
    return next(found, None)


def _jpeg(data: bytes) -> Size | None:
    """Walk over the segments up to the first scan, as libjpeg does."""
    sizes, position = [], 2
    while (position := data.find(b"\xff", position)) >= 0:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in (0xD9, 0xDA):  # the end, or a scan
            break
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8 or marker == 0:
            position += 2
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack_from(">HH", data, position + 5)
                sizes.append(Size(width, height))
            position += 2 + length
    return _largest(sizes)


def _png(data: bytes) -> Size | None:
    return Size(*struct.unpack_from(">II", data, 16)) if data[12:16] == b"IHDR" else None


def _bmp(data: bytes) -> Size:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    form = "<HH" if header_bytes == 12 else "<ii"
    width, height = struct.unpack_from(form, data, 18)
    return Size(abs(width), abs(height))  # rows from the top have a negative height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return Size(width, height, _HEAVY)


def _webp(data: bytes) -> Size | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = data[24:27], data[27:30]
        return Size(1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little"))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    width_bits, height_bits = struct.unpack_from("<HH", data, 26)
    return Size(width_bits & 0x3FFF, height_bits & 0x3FFF) if kind == b"VP8 " else None


# Tags of TIFF, and the types of their values.
_WIDTH, _HEIGHT, _BITS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 322, 323
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def _tiff(data: bytes) -> Size | None:
    """Read the first directory, which is the page that is decoded; its tiles count too."""
    order = "<" if data.startswith(b"II") else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    start, count_form, entry_bytes = (8, "Q", 20) if is_big else (4, "H", 12)
    (place,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, start)
    if place > len(data):
        return None
    (n_entries,) = struct.unpack_from(order + count_form, data, place)
    position = place + struct.calcsize(order + count_form)
    inline_bytes = 8 if is_big else 4
    found: dict[int, int] = {}
    for entry in range(position, position + entry_bytes * min(n_entries, 1 << 16), entry_bytes):
        tag, kind, n = struct.unpack_from(order + "HH" + ("Q" if is_big else "I"), data, entry)
        if kind not in _TIFF_TYPES:
            continue
        value_place = entry + 4 + inline_bytes
        if n * struct.calcsize(order + _TIFF_TYPES[kind]) > inline_bytes:  # they stand elsewhere
            (value_place,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, value_place)
        if value_place < len(data):
            (value,) = struct.unpack_from(order + _TIFF_TYPES[kind], data, value_place)
            found[tag] = max(value, found.get(tag, 0))
    weight = _HEAVY if found.get(_BITS, 8) > 16 else 1
    pairs = ((_WIDTH, _HEIGHT), (_TILE_WIDTH, _TILE_HEIGHT))
    return _largest(Size(found[w], found[h], weight) for w, h in pairs if {w, h} <= set(found))


# Numbers of a portable map: magic, width and height, with comments between them.
_GAP = rb"(?:\s|#[^\n]*\n)+"
_MAP = re.compile(rb"P[1-6fF]" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})")
_ANY_MAP = re.compile(rb"(WIDTH|HEIGHT)\s+(\d{1,10})")
_RADIANCE = re.compile(rb"[-+]([XY])\s+(\d{1,10})\s+[-+][XY]\s+(\d{1,10})")


def _portable_map(data: bytes) -> Size | None:
    found = _MAP.match(data[:_HEADER_BYTES])
    return Size(int(found[1]), int(found[2])) if found else None


def _arbitrary_map(data: bytes) -> Size | None:
    found = _ANY_MAP.findall(data[:_HEADER_BYTES].partition(b"ENDHDR")[0])
    widths, heights = ([int(n) for name, n in found if name == w] for w in (b"WIDTH", b"HEIGHT"))
    return Size(max(widths), max(heights)) if widths and heights else None


def _radiance(data: bytes) -> Size | None:
    found = _RADIANCE.findall(data[:_HEADER_BYTES])
    return _largest(Size(int(b), int(a), _HEAVY) for _, a, b in found)


def _sun_raster(data: bytes) -> Size:
    return Size(*struct.unpack_from(">II", data, 4))


def _jpeg_2000(data: bytes) -> Size | None:
    """Read SIZ of each code stream; every four components need as much memory."""
    sizes = []
    for found in re.finditer(re.escape(_JP2_CODESTREAM), data):
        right, bottom, left, top = struct.unpack_from(">IIII", data, found.start() + 8)
        (n_components,) = struct.unpack_from(">H", data, found.start() + 40)
        weight = _HEAVY * max(1, -(-n_components // 4))
        sizes.append(Size(right - left, bottom - top, weight))
    return _largest(sizes)


def _avif(data: bytes) -> Size | None:
    """Read the sizes of all items (`ispe`, ISO/IEC 23008-12 6.5.3)."""
    places = (found.start() for found in re.finditer(rb"ispe\0\0\0\0", data[:-8]))
    sizes = (struct.unpack_from(">II", data, place + 8) for place in places)
    return _largest(Size(width, height, _HEAVY) for width, height in sizes)


def _largest(sizes: Iterable[Size]) -> Size | None:
    return max(sizes, key=lambda size: size.width * size.height * size.weight, default=None)


_READERS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes], Size | None]], ...] = (
    (_JPEG_SIGNATURE, _jpeg),
    (_PNG_SIGNATURE, _png),
    (b"BM", _bmp),
    (b"GIF8", _gif),
    (b"RIFF", _webp),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff),
    (b"P7\n", _arbitrary_map),
    (tuple(b"P" + bytes([kind]) for kind in b"123456fF"), _portable_map),
    ((b"#?RADIANCE", b"#?RGBE"), _radiance),
    (b"\x59\xa6\x6a\x95", _sun_raster),
    ((_JP2_SIGNATURE, _JP2_CODESTREAM), _jpeg_2000),
)
