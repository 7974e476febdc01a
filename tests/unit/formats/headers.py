"""Arrays of NumPy's format, as no writer makes them."""

SHAPE = "{{'descr': {!r}, 'fortran_order': False, 'shape': {}, }}"


def header(text, version=(1, 0)):
    body = text.encode() + b"\n"
    size = len(body).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + body
