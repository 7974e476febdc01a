"""Find out which checkpoint the weights of an open engine came from."""

from __future__ import annotations

import msgspec

from retinaface.engines.base import Engine
from retinaface.errors import ManifestError
from retinaface.export.manifest import WeightsSource, read_manifest


def checkpoint_of(engine: Engine) -> WeightsSource | None:
    """Read the checkpoint from the manifest of the engine's file, or from its description.

    Returns:
        None where neither names one: an engine file, or a model that another program exported.
    """
    if (file := engine.spec.given or engine.spec.model) is not None:
        try:
            manifest = read_manifest(file)
        except ManifestError:  # a damaged one says nothing; whoever needs it reports that
            return None
        return None if manifest is None else manifest.weights
    try:
        return msgspec.convert(engine.describe().get("weights"), WeightsSource)
    except msgspec.ValidationError:  # most engines describe none, a third party's anything
        return None
