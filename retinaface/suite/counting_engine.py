"""An engine that counts what goes through another one: results must come of this run alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retinaface.engines.base import Engine
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray


class Witness(Engine):
    """Passes everything on and counts images; does not own the engine, so it does not close it."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner.spec)
        self._inner = inner
        self.fixed_batch = inner.fixed_batch
        self.n_images = 0

    def infer(self, images: FloatArray) -> RawOutputs:
        """See `Engine.infer`."""
        self.n_images += len(images)
        return self._inner.infer(images)

    def infer_intermediates(
        self, images: FloatArray, names: Sequence[str]
    ) -> dict[str, FloatArray]:
        """See `Engine.infer_intermediates`."""
        return self._inner.infer_intermediates(images, names)

    def _run(self, images: FloatArray) -> RawOutputs:
        return self._inner.infer(images)

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        return self._inner.describe()
