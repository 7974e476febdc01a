"""Find out which checkpoint the weights of an open engine came from."""

from __future__ import annotations

import msgspec

from retinaface.engines.base import Engine
from retinaface.export.manifest import WeightsSource, read_manifest


def checkpoint_of(engine: Engine) -> WeightsSource | None:
    """Read the checkpoint from the manifest of the engine's file, or from its description.

    Returns:
        None where neither names one: an engine file, or a model that another program exported.

    Raises:
        ManifestError: The file is not that of its manifest any more.
    """
    if (file := engine.spec.given or engine.spec.model) is not None:
        manifest = read_manifest(file)
        return None if manifest is None else manifest.weights
    try:
        return msgspec.convert(engine.describe().get("weights"), WeightsSource)
    except msgspec.ValidationError:  # most engines describe none, a third party's anything
        return None
