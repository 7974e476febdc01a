"""Define the contract between the suite and a runtime: one specification in, checked arrays out."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.options import check_options
from retinaface.engines.spec import EngineSpec
from retinaface.engines.threads import Turns
from retinaface.environment import vnni
from retinaface.errors import EngineFault, RetinaFaceError
from retinaface.network.config import OUTPUT_WIDTHS
from retinaface.network.outputs import RawOutputs, softmax
from retinaface.network.priors import prior_boxes
from retinaface.typing import FloatArray

__all__ = ["Engine", "EngineSpec"]  # who writes an engine imports both from here


class Engine(ABC):
    """One runtime with one model on one device; a context manager.

    A subclass builds everything in `__init__`, proves there where it runs, and implements `_run`;
    it also implements `_run_intermediates` if the runtime shows tensors inside the network.
    `describe` names the attributes that a subclass sets.
    It sets `fixed_batch` if the model takes batches of only one size, `parallel_calls` to how many
    calls of `infer` may run at a time, each in its own thread (further calls wait), and
    `built_file` if it runs a build in a file, its own or a given one.

    Its class declares its options in `known_options`, which maps each name to its effect. Opening
    the engine refuses any other option, unless `other_options_go_to` names a provider that takes
    it, and refuses it if unknown. Override `check_options` if the runtime lists its options.
    """

    # Whether it runs several calls at a time on a CPU whose processors it shares.
    shares_in_calls: ClassVar[bool] = False
    known_options: ClassVar[Mapping[str, str]] = {}
    other_options_go_to: ClassVar[str | None] = None
    fixed_batch: int | None = None
    parallel_calls: int = 1
    built_file: Path | None = None
    _runtime: str | None = None
    _build_s: float | None = None
    _placement: dict[str, Any] | None = None

    def __init__(self, spec: EngineSpec) -> None:
        self.spec, self._closed, self._turns = spec, False, Turns()

    def infer(self, images: FloatArray) -> RawOutputs:
        """Run the network.

        Args:
            images: (N, 3, H, W) float32, BGR minus the mean; 1 <= N <= `spec.max_batch`, H and W as
                in the specification. Need not be contiguous.

        Returns:
            Float32 arrays; later calls do not change them.

        Raises:
            TypeError: `images` is not float32.
            ValueError: `images` has another shape, or the engine is closed.
            EngineFault: The runtime failed, or shapes of outputs do not match the priors of H x W.
        """
        with self._turns.take(self.parallel_calls):
            parts = [self._infer_part(part) for part in self._parts(images)]
        if len(parts) == 1:
            return parts[0]
        return RawOutputs(*(np.concatenate(output) for output in zip(*parts, strict=True)))

    def begin(self, images: FloatArray) -> Callable[[], RawOutputs]:
        """Give the call of `infer` for these images, to run once in any thread.

        Whoever runs calls at a time begins them in the order of the images.
        """
        return partial(self.infer, images)

    def _infer_part(self, images: FloatArray) -> RawOutputs:
        batch = self._checked_batch(images)
        with self._faults(f"inference of {len(images)} images"):
            outputs = RawOutputs(*(np.asarray(output) for output in self._run(batch)))
        return self._check_outputs(outputs, len(images), images.shape[2:])

    def _parts(self, images: FloatArray) -> Iterator[FloatArray]:
        """Split a batch into parts that the model takes."""
        self._check_input(images)
        step = self.fixed_batch or len(images)
        yield from (images[i : i + step] for i in range(0, len(images), step))

    def infer_intermediates(
        self, images: FloatArray, names: Sequence[str]
    ) -> dict[str, FloatArray]:
        """Run the network and return tensors inside it; optional, slower, and without fusions.

        Args:
            images: As for `infer`.
            names: Names in the engine's model, of tensors with the batch as first axis.

        Returns:
            Float32 arrays by name, `loc`, `conf` and `landmarks` included.

        Raises:
            NotImplementedError: The engine shows only the outputs.
            TypeError: `images` is not float32.
            ValueError: `images` has another shape, the engine is closed, or a name is unknown.
            EngineUnavailable: A package is missing, or the runtime refuses the model with these
                tensors as outputs.
            EngineFault: The runtime failed.
        """
        with self._turns.take(self.parallel_calls):
            parts = [self._intermediates_of(p, tuple(names)) for p in self._parts(images)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _intermediates_of(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        n, batch = len(images), self._checked_batch(images)
        with self._faults(f"intermediates of {n} images", NotImplementedError, ValueError):
            found = self._run_intermediates(batch, names)
        return {name: np.asarray(array[:n], dtype=np.float32) for name, array in found.items()}

    @classmethod
    def check_options(cls, name: str, device: str, options: Mapping[str, str]) -> None:
        """Refuse what the class does not declare, before anything is built.

        Raises:
            EngineUnavailable: Names the option and the nearest that there is.
        """
        check_options(name, options, cls.known_options, cls.other_options_go_to)

    @abstractmethod
    def _run(self, images: FloatArray) -> RawOutputs:
        """Run a checked, contiguous batch."""

    def _run_intermediates(
        self, images: FloatArray, names: tuple[str, ...]
    ) -> dict[str, FloatArray]:
        """Run a checked, contiguous batch; return tensors by name, the three outputs included."""
        raise NotImplementedError(
            f"{self.spec.name} shows no intermediate tensors: {type(self).__name__} does not "
            "implement _run_intermediates"
        )

    def describe(self) -> dict[str, Any]:
        """Describe the engine, its build time, and where it ran; JSON types only.

        A subclass sets `_runtime` (with its version), `_build_s` and `_placement`, and adds further
        facts in `_facts` and `_device_facts`.
        """
        return {
            "name": self.spec.name,
            "device": self.spec.device,
            **self._device_facts(),
            **({"int8_instructions": vnni()} if self.spec.precision == "int8" else {}),
            "precision": self.spec.precision,
            "runtime": self._runtime,
            **self._facts(),
            "build_s": self._build_s,
            "placement": self._placement,
            **self.spec.form(),
        }

    def _device_facts(self) -> dict[str, Any]:
        """Give further facts about the device."""
        return {}

    def _facts(self) -> dict[str, Any]:
        """Give further facts that distinguish this engine: threads, options, files, ..."""
        return {}

    def close(self) -> None:
        """Free the runtime's resources; `infer` raises afterwards. May be called twice."""
        self._closed = True

    def __enter__(self) -> Engine:
        """Return the engine itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the engine."""
        self.close()

    @contextlib.contextmanager
    def _faults(self, doing: str, *raised: type[Exception]) -> Iterator[None]:
        """Turn the runtime's exceptions, except `raised`, into faults that name the engine."""
        as_they_are: tuple[type[Exception], ...] = (RetinaFaceError, *raised)
        try:
            yield
        except as_they_are:
            raise
        except Exception as error:
            raise EngineFault(
                f"{self.spec.name}: {doing} failed: {type(error).__name__}: {error}"
            ) from error

    def _checked_batch(self, images: FloatArray) -> FloatArray:
        """Make the images contiguous, and fill a fixed batch up."""
        self._check_input(images)
        batch = np.ascontiguousarray(images)
        if self.fixed_batch is not None and len(batch) < self.fixed_batch:
            # By repetition, as the vendor's script fills its last batch.
            batch = np.resize(batch, (self.fixed_batch, *batch.shape[1:]))
        return batch

    def _check_input(self, images: FloatArray) -> None:
        name, spec = self.spec.name, self.spec
        if self._closed:
            raise ValueError(f"{name}: infer after close; open the engine again")
        if images.dtype != np.float32:
            raise TypeError(f"{name}: images must be float32, got {images.dtype}")
        height, width = spec.height_px, spec.width_px
        wanted = f"(1..{spec.max_batch}, 3, {height or 'H'}, {width or 'W'})"
        if (
            images.ndim != 4
            or not 1 <= images.shape[0] <= spec.max_batch
            or images.shape[1] != 3
            or 0 in images.shape
            or (height is not None and images.shape[2] != height)
            or (width is not None and images.shape[3] != width)
        ):
            raise ValueError(f"{name}: images must be {wanted}, got {images.shape}")

    def _check_outputs(self, outputs: RawOutputs, n: int, size_px: tuple[int, ...]) -> RawOutputs:
        n_priors, checked = len(prior_boxes(*size_px)), []
        for field_name, n_values, array in zip(
            RawOutputs._fields, OUTPUT_WIDTHS.values(), outputs, strict=True
        ):
            expected = (self.fixed_batch or n, n_priors, n_values)
            if array.shape != expected:
                raise EngineFault(
                    f"{self.spec.name}: {field_name} should be {expected}, got {array.shape}"
                )
            checked.append(np.asarray(array[:n], dtype=np.float32))
        if self.spec.scores == "logits":
            checked[1] = softmax(checked[1])
        return RawOutputs(*checked)
