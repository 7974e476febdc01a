"""Tell a damaged copy of the published checkpoint from one that was trained anew.

The format of that file has no checksum of its own: bytes that changed load as other weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch

# The first 8 hex digits of SHA-256 of each tensor's bytes, in the order of the network.
_DIGITS = 8
_TENSORS = (
    "a372f3cd5bf6dc45b6fe14e16dc75d28267efc96bf3cb24f0a15ce6a5c6c3fd03a90adf1b628d18e5ea958f5bf3cb24f"
    "ee2e64e2e47c2f79d4f7fcdbfb170decf3b3c1bebf3cb24f626bc75dd3af21c8f42f66b254677705adf54a55bf3cb24f"
    "c88ccad653a331bbac2f5d102143a50e76d56b27bf3cb24fd250b2d4108375f12fc62a5220ee6ccb98078536bf3cb24f"
    "3b5f627d83904b30f00914605995bad6fe42df1dbf3cb24f450c5fb44ae945e76a3d0464356e5f6b1648b1ebbf3cb24f"
    "627a278e41ded3826faaa90525cece1608dba5c0bf3cb24f3ed7016d9e1469cc97c582cd4b9b6a93d32b6de1bf3cb24f"
    "bbf06678f5fc53ece678d5e3c9d6b3a1b7638196bf3cb24f434e6228f2fdd133c59e4c3f58437df0d1a51379bf3cb24f"
    "8542b8706b4bee685694d5eeda41865f0dfa394fbf3cb24fd4c93cc6cafb36e48178cda0069eafdfbe87a270bf3cb24f"
    "79f582b8d77e7a6ef01761338d8cb0f5bf59b76abf3cb24f53947b162df621d9f1915742fead8bb69fbddf38bf3cb24f"
    "6898a59e10946d636c417f1734b6a72a83399789bf3cb24f1ad3159f0057a8d5a16458d26f436e420b15a280bf3cb24f"
    "d87a4a2c1f00c52c63eaaa7ccccc74a6fc8ef6f8bf3cb24f07827d7828059d2c953a5a687116d32efc30abffbf3cb24f"
    "460bdf45d898a45f2fd6bccc0d8cec554b2f8830bf3cb24ffc3381882ed750fffc4bb5535267eb0a07146611bf3cb24f"
    "3515e92378d1a7a6989fb15357101e87a558e212bf3cb24f08bcaa071b8d0123002bd2fa2cfbd891d2bcdde6bf3cb24f"
    "2a9996d8fc05ba6eb67ca0dbff3be666d808174ebf3cb24f5ec736e8dfbecd7a424bd84313a6919d356e7203bf3cb24f"
    "a4abc6348694d3213cbd08315e98bfef35a7c93dbf3cb24f94b29d7adfaf2a8d0b2f4344475fc065d033152b73e660c1"
    "19fda59dbba393fac6d61740542d07f9fbb5f18a73e660c125fadee85d94d20e20f225a772d41d84c4f5b49c73e660c1"
    "fbfea468e03a9326baeeaed3d8b7de3dd943cf2273e660c14efce8ace90ed7f3445617ec13d627f97024954873e660c1"
    "09110e11bfd9e55cf28f016c45a800898255000673e660c1635e87f90a4cc96273f2cf2cb59efa52285b388873e660c1"
    "4233bdd99cb81bf175909f1e1d72312db9e298f573e660c1273478d0df2bd98c1ae412905c22be4237a87cc673e660c1"
    "6c0c7c69869ba187d1a081ba1ee3e8c86b96ced673e660c10948c882eb8cf9dc4609fc28f0c71c3b5c04a83b73e660c1"
    "db10ed353c7332ee3d2afd2d93a563467a0203b073e660c179f34e986ae67aadbba187d7900a51786309119273e660c1"
    "a41d29af98fb1619ca9212e34343ca187696c5a873e660c131116bac8dffc8ffb7aacb928869160afa3fadba73e660c1"
    "035b3b386ac095c186d8be885d69c5dada7bc1ce73e660c134d7521fcebea08479a4ea56994ab24b4935a26d73e660c1"
    "69b56cecf405094979b1c38986e99dc3e5d38caa73e660c1b36e6d26201bdebfdce5dc4cadc8964a5ef1dab573e660c1"
    "b2207a537cce9f4a3f97459222f632e3e25bb63173e660c145e4346187ea211c46c1519fa31a3956743d8a7d9ab00a95"
    "2b75a95c1f5e7673c6f476d6d9e983d86a6eb77be7b2014a5c73063ee46aa96d54c66236cf332784d2a92c47516f3383"
)
# Training moves every tensor; damage hits a few.
_MOST_DAMAGED = 30


def damage_note(name: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """Say that a checkpoint is the published one but for a few tensors; empty where it is not.

    Args:
        name: Of the file.
        tensors: All of the network, float32 or int64, by name in its order.
    """
    known = [_TENSORS[i : i + _DIGITS] for i in range(0, len(_TENSORS), _DIGITS)]
    found = {key: _digest(tensor) for key, tensor in tensors.items()}
    other = [key for key, one in zip(found, known, strict=True) if found[key] != one]
    if not 0 < len(other) <= _MOST_DAMAGED:
        return ""
    more = f", and {len(other) - 1} more" if len(other) > 1 else ""
    return (
        f"{name} is the published checkpoint but for {len(other)} of {len(known)} tensors "
        f"({other[0]}{more}): a damaged copy, unless they were changed on purpose; the "
        "whole one comes by: retinaface assets fetch"
    )


def _digest(tensor: torch.Tensor) -> str:
    content = tensor.detach().contiguous().numpy().tobytes()
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
