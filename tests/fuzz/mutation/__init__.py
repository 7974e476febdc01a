"""Damage files: any bytes, and by what a format is made of."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.fuzz.mutation import archives, json_text, mats, pictures, protobuf, raw, tensors, words

Mutator = Callable[[bytes, random.Random], bytes]

# What knows the format; each raises ValueError where the bytes are no longer of it.
FORMS: dict[str, Mutator] = {
    "json": json_text.mutate,
    "npz": archives.mutate_npz,
    "zip": archives.mutate_zip,
    "torch": archives.mutate_torch,
    "safetensors": tensors.mutate,
    "onnx": protobuf.mutate,
    "mat": mats.mutate,
    "text": words.mutate,
    "png": pictures.mutate_png,
    "jpeg": pictures.mutate_jpeg,
    "frames": tensors.mutate_frames,
    "bytes": raw.mutate,
}
# So often a change knows nothing of the format.
_RAW_SHARE = 0.3
# A damaged file is never longer than this.
_MAX_BYTES = 4 * 2**20


def damage(data: bytes, form: str, rng: random.Random) -> bytes:
    """Change a whole file in one to four places."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        mutator = raw.mutate if rng.random() < _RAW_SHARE else FORMS[form]
        try:
            data = mutator(data, rng)
        except ValueError:  # an earlier change left nothing of the format
            data = raw.mutate(data, rng)
    return data[:_MAX_BYTES]
