"""Tell the ground truth whose bytes are known from that of strangers."""

from __future__ import annotations

import hashlib

from retinaface.assets import REGISTRY

# SHA-256 of the files of the embedded set, which a test compares with those that are shipped.
EMBEDDED_MATS = {
    "wider_easy_val.mat": ("ab3426c5aea38c82209f8b610af0180b4df382ba9b133d14b2f8f5de28bd8681"),
    "wider_face_val.mat": ("e940ba7e869a41a3ddb99bc9be27f28b806ed8e96e00e898200a262325ade53f"),
    "wider_hard_val.mat": ("30a58d71ad9fdaf17413fda7165bc45e0a55c6057668b9624305e2bdce56c0b5"),
    "wider_medium_val.mat": ("7e91cfc39894745d0f295eaf7d741209b7fecde44f8f87a1bfee0026813fdb17"),
}
_OFFICIAL = {
    asset.known_hash.removeprefix("sha256:")
    for name, asset in REGISTRY.items()
    if name.endswith(".mat")
}


def is_pinned(data: bytes) -> bool:
    """Tell whether a file is one of the four official ones, or of the embedded set, by its hash."""
    return hashlib.sha256(data).hexdigest() in _OFFICIAL | set(EMBEDDED_MATS.values())
