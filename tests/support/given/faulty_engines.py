"""Engines with one fault each, named as a third party's: `<this module>:<fault>`.

Each wraps an honest engine and breaks one thing, so that whatever turns red is due to that thing.
That engine is ONNX Runtime; for `<this module>:toy_<fault>` one that computes next to nothing.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.onnxruntime.cpu import OnnxRuntimeEngine
from retinaface.network.outputs import RawOutputs
from tests.support.given.toy_engine import Toy


class Wrapped(Engine):
    """An honest engine under another name."""

    honest: ClassVar[type[Engine]] = OnnxRuntimeEngine

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._inner = self.honest(replace(spec, device="cpu"))
        self.fixed_batch = self._inner.fixed_batch
        self.n_calls = 0

    def _run(self, images: np.ndarray) -> RawOutputs:
        self.n_calls += 1
        return self.changed(self._inner._run(images), images)

    def changed(self, outputs: RawOutputs, images: np.ndarray) -> RawOutputs:
        return outputs

    def describe(self) -> dict[str, Any]:
        return self._inner.describe() | {"name": self.spec.name}

    def close(self) -> None:
        self._inner.close()
        super().close()


class NanInOneOutput(Wrapped):
    """One landmark of one prior is NaN."""

    def changed(self, outputs, images):
        outputs.landmarks[0, 77, 3] = np.nan
        return outputs


class ConstantScores(Wrapped):
    """Every prior has a score of 0.5."""

    def changed(self, outputs, images):
        return outputs._replace(scores=np.full_like(outputs.scores, 0.5))


class NoisyByAMillionth(Wrapped):
    """Every value is off by a millionth of itself, as sums in another order leave it: honest."""

    def changed(self, outputs, images):
        rng = np.random.default_rng(int(np.abs(images[:, :, ::32, ::32]).sum()))
        return RawOutputs(
            *(
                a * (1 + np.float32(1e-6) * rng.standard_normal(a.shape, np.float32))
                for a in outputs
            )
        )


class BackgroundAlone(Wrapped):
    """The probability of the background is a few steps of its type too small; a face's is right."""

    def changed(self, outputs, images):
        outputs.scores[..., 0] *= np.float32(1 - (1e-4 if self.spec.precision == "fp32" else 1e-2))
        return outputs


class UnnormalizedScores(Wrapped):
    """Both probabilities are a hundredth too large, so that their ratio is right."""

    def changed(self, outputs, images):
        return outputs._replace(scores=outputs.scores * np.float32(1.01))


class RunsOnCuda(Wrapped):
    """A graphics card ran what a CPU's name stands for."""

    def describe(self):
        placement = {"provider": "CUDAExecutionProvider", "fallback": []}
        return super().describe() | {"placement": placement}


class SwappedLandmarks(Wrapped):
    """Left and right eye are exchanged."""

    def changed(self, outputs, images):
        order = [2, 3, 0, 1, 4, 5, 6, 7, 8, 9]
        return outputs._replace(landmarks=outputs.landmarks[..., order])


class NeighboursLandmarks(Wrapped):
    """Each prior has the landmarks of the one before it."""

    def changed(self, outputs, images):
        return outputs._replace(landmarks=np.roll(outputs.landmarks, 1, axis=1))


class ReversedBatch(Wrapped):
    """The images of a batch come back in the wrong order."""

    def changed(self, outputs, images):
        return RawOutputs(*(array[::-1].copy() for array in outputs))


class RgbForBgr(Wrapped):
    """Colours are exchanged on the way in."""

    def _run(self, images):
        return super()._run(np.ascontiguousarray(images[:, ::-1]))


class ScaledInput(Wrapped):
    """Pixels are divided by 255, as other models want them."""

    def _run(self, images):
        return super()._run(images / np.float32(255))


class CachedByShape(Wrapped):
    """The first outputs of each shape are given for ever."""

    def _run(self, images):
        if not hasattr(self, "cache"):
            self.cache = {}
        if images.shape not in self.cache:
            self.cache[images.shape] = super()._run(images)
        return RawOutputs(*(array.copy() for array in self.cache[images.shape]))


class CachedByAddress(CachedByShape):
    """The outputs of a buffer are given again when the buffer comes back, whatever is in it."""

    def _run(self, images):
        if not hasattr(self, "cache"):
            self.cache = {}
        key = images.ctypes.data, images.shape
        if key not in self.cache:
            self.cache[key] = Wrapped._run(self, images)
        return RawOutputs(*(array.copy() for array in self.cache[key]))


class SkipsWork(Wrapped):
    """After a few calls it computes the first image of a batch only, and is fast."""

    def _run(self, images):
        if self.n_calls < 4 or len(images) == 1:
            return super()._run(images)
        one = super()._run(images[:1])
        return RawOutputs(*(np.repeat(array, len(images), axis=0) for array in one))


class AlternatesCalls(Wrapped):
    """Every other call gives the outputs of the call before."""

    def _run(self, images):
        last = getattr(self, "last", None)
        if last is not None and len(last.loc) == len(images) and self.n_calls % 2:
            self.n_calls += 1
            return RawOutputs(*(array.copy() for array in last))
        self.last = super()._run(images)
        return self.last


class DropsTail(Wrapped):
    """The last image of a batch of more than 16 is not computed."""

    def changed(self, outputs, images):
        if len(images) > 16:
            for array in outputs:
                array[-1] = array[0]
        return outputs


class DropsLast(Wrapped):
    """The last image of any batch of more than one is not computed."""

    def changed(self, outputs, images):
        if len(images) > 1:
            for array in outputs:
                array[-1] = array[0]
        return outputs


class ReusesBuffer(Wrapped):
    """Gives views into one buffer, which the next call fills again."""

    def changed(self, outputs, images):
        if not hasattr(self, "buffer"):
            n = self.spec.max_batch
            self.buffer = [np.empty((n, *array.shape[1:]), np.float32) for array in outputs]
        views = [whole[: len(array)] for whole, array in zip(self.buffer, outputs, strict=True)]
        for view, array in zip(views, outputs, strict=True):
            view[:] = array
        return RawOutputs(*views)


class KeepsItsArrays(CachedByShape):
    """Keeps the outputs of each image by its content, and gives the kept arrays themselves."""

    def _run(self, images):
        if not hasattr(self, "cache"):
            self.cache = {}
        key = images.tobytes()
        if key not in self.cache:
            self.cache[key] = Wrapped._run(self, images)
        return self.cache[key]


class Leaks(Wrapped):
    """Keeps a copy of the scores of every call."""

    def changed(self, outputs, images):
        self.kept = [*getattr(self, "kept", []), outputs.scores.copy()]
        return outputs


class Unsteady(Wrapped):
    """Adds a little that differs from call to call, some 100 times what rounding does."""

    def changed(self, outputs, images):
        outputs.loc[...] += np.float32(0.01 * (self.n_calls % 3))
        return outputs


class UnsafeInThreads(Wrapped):
    """Claims that two calls may run at a time, and keeps the images of both in one place."""

    parallel_calls = 2

    def _run(self, images):
        self.images = images
        time.sleep(0.005)  # another call comes in between
        return super()._run(self.images)


class WorksAfterClose(Wrapped):
    """Answers after it was closed."""

    def close(self):
        pass


class ClosesOnce(Wrapped):
    """Fails when it is closed a second time."""

    def close(self):
        if self._closed:
            raise RuntimeError("double free")
        super().close()


class ChangesItsInput(Wrapped):
    """Subtracts in place what it should have subtracted from a copy."""

    def _run(self, images):
        outputs = super()._run(images)
        images -= np.float32(1)
        return outputs


class OneForAll(Wrapped):
    """A setting that is the engine's own is kept once for all engines, and the last one wins."""

    last: ClassVar[list[Engine]] = []

    def __init__(self, spec):
        super().__init__(spec)
        self.last[:] = [self]

    def _run(self, images):
        return super()._run(images if self.last == [self] else images + np.float32(1))


class AnyInput(Wrapped):
    """Converts and cuts to size whatever it is given."""

    def infer(self, images):
        images = np.asarray(images, np.float32)
        return super().infer(images[: self.spec.max_batch])


class BreaksOnRefusal(Wrapped):
    """Gives different outputs after it refused an input."""

    def infer(self, images):
        try:
            return super().infer(images)
        except (TypeError, ValueError):
            self.changed = lambda outputs, _: RawOutputs(*(array * 2 for array in outputs))
            raise


class IgnoresStrides(Wrapped):
    """Reads memory in order and ignores the strides."""

    def infer(self, images):
        if not images.flags.c_contiguous and images.base is not None:
            images = np.resize(images.base, images.shape)
        return super().infer(images)


class Float64Outputs(Wrapped):
    """Gives double precision."""

    def infer(self, images):
        return RawOutputs(*(array.astype(np.float64) for array in super().infer(images)))


class DescribesInArrays(Wrapped):
    """Its description is no JSON."""

    def describe(self):
        return super().describe() | {"clocks": np.zeros(2)}


class DescribesLittle(Wrapped):
    """Describes neither its runtime nor how long it took to build."""

    def describe(self):
        return {k: v for k, v in super().describe().items() if k not in ("runtime", "build_s")}


class DescribesItsCalls(Wrapped):
    """Its description changes after each call."""

    def describe(self):
        return super().describe() | {"n_calls": self.n_calls}


class LowerScores(Wrapped):
    """Scores are a little lower than they should be."""

    def changed(self, outputs, images):
        outputs.scores[..., 1] *= np.float32(0.97)
        outputs.scores[..., 0] = 1 - outputs.scores[..., 1]
        return outputs


class FallenBack(Wrapped):
    """Names CUDA and runs on the CPU."""


class LyingPlacement(Wrapped):
    """Runs on the CPU and calls its device CUDA, without any proof."""

    def describe(self):
        return super().describe() | {"device": "cuda", "placement": {"provider": "CUDA"}}


class Crashes(Wrapped):
    """Takes the whole process with it, in the third call."""

    def _run(self, images):
        if self.n_calls == 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super()._run(images)


class Exits(Wrapped):
    """Ends the process with exit code 0, as if all were well."""

    def _run(self, images):
        if self.n_calls == 2:
            os._exit(0)
        return super()._run(images)


class Hangs(Wrapped):
    """Never comes back from the third call."""

    def _run(self, images):
        if self.n_calls == 2:
            time.sleep(3600)
        return super()._run(images)


class Raises(Wrapped):
    """The runtime fails in the third call."""

    def _run(self, images):
        if self.n_calls == 2:
            raise RuntimeError("out of memory")
        return super()._run(images)


class Unfolded(Wrapped):
    """The network is cast to FP16 before its batch norms are folded."""

    def __init__(self, spec):
        from retinaface.network.checkpoint import load_model

        super().__init__(spec)
        self._half = load_model(spec.weights).model.half()

    def _run(self, images):
        import torch

        self.n_calls += 1
        with torch.inference_mode():
            outputs = self._half(torch.from_numpy(images).half())
        return RawOutputs(*(output.float().numpy() for output in outputs))


def factory_of(module: dict[str, Any]) -> Callable[[str], type[Wrapped]]:
    """Make a module's `__getattr__`: a factory by `<fault>_<device>_<precision>`.

    `swapped_landmarks_cpu_fp32` gives `SwappedLandmarks`, and `toy_swapped_landmarks_cpu_fp32` the
    same over `Toy`.
    """
    classes = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls
        for cls in list(module.values())
        if isinstance(cls, type) and issubclass(cls, Wrapped)
    }

    def get(name: str) -> type[Wrapped]:
        match = re.fullmatch(r"(toy_)?(.+?)(?:_[a-z0-9]+_fp(?:32|16))?", name)
        if match is None or match[2] not in classes:
            raise AttributeError(f"no engine of that name: {name}")
        cls = classes[match[2]]
        return type(cls.__name__, (cls,), {"honest": Toy}) if match[1] else cls

    return get


__getattr__ = factory_of(globals())
