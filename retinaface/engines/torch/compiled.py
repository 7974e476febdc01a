"""Run the whole network as graphs that PyTorch's compiler, inductor, made.

The compiler makes one graph for a batch of one, and others for larger batches. Each new height and
width would need more graphs until the compiler gives up, so the input has one size.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.sources import fixed_size
from retinaface.engines.torch.eager import TorchDeviceEngine, TorchEngine, torch
from retinaface.errors import EngineUnavailable, first_line
from retinaface.network.outputs import RawOutputs
from retinaface.typing import FloatArray

# Batches to run during the build: one image, a few, and the largest.
_FEW = 3
_NUMERICS = (
    "inductor on a CPU computes in FP32 inside what it fuses, and rounds between: not every "
    "intermediate is FP16"
)


class _Compiled(TorchEngine):
    """Base of the compiled engines."""

    known_options: ClassVar = {"mode": "mode of torch.compile, as max-autotune"}
    # The compiler fuses layers, so it cannot show them.
    _run_intermediates = Engine._run_intermediates

    def __init__(self, spec: EngineSpec) -> None:
        self._size = fixed_size(spec)
        self._n_nodes: list[int] = []
        super().__init__(spec)

    def _prepare(self) -> None:
        """Compile, run every kind of batch once, and check that the compiler did its work.

        Raises:
            EngineUnavailable: Compiling fails, or leaves the network uncompiled.
        """
        self._model = self._compile(self._network)
        try:
            for n in sorted({1, min(_FEW, self.spec.max_batch), self.spec.max_batch}):
                self._run(np.zeros((n, 3, *self._size), np.float32))
        except Exception as error:  # the compiler's exceptions share no base
            # The first line names the backend, the next one has its message.
            reason = " ".join(str(error).split("\n")[:2])
            raise EngineUnavailable(
                f"{self.spec.name}: torch.compile of torch {torch.__version__} fails: "
                f"{type(error).__name__}: {reason}; on a CPU it needs a C++ compiler "
                "(apt install g++)"
            ) from error
        self._n_graphs = len(self._n_nodes)
        if not self._n_graphs:
            raise EngineUnavailable(
                f"{self.spec.name}: torch.compile compiled nothing and would run eagerly; "
                "unset TORCH_COMPILE_DISABLE and TORCHDYNAMO_DISABLE"
            )

    def _compile(self, network: Any) -> Any:
        """Compile the network's whole graph, or fail: no part may stay eager."""
        from torch._inductor import list_mode_options
        from torch._inductor.compile_fx import compile_fx

        mode = self.spec.options.get("mode", "default")
        try:
            settings = list_mode_options(mode)
        except RuntimeError as error:
            raise EngineUnavailable(
                f"{self.spec.name}: option mode is {mode!r}: {first_line(error)}"
            ) from error

        def backend(graph: Any, inputs: Any) -> Any:
            self._n_nodes.append(len(graph.graph.nodes))
            return compile_fx(graph, inputs, config_patches=settings)

        def run(images: Any) -> Any:
            return network(images)

        # The compiler caches graphs by the code of a function, with a limit for each function. Code
        # shared with earlier engines would reach that limit.
        run.__code__ = run.__code__.replace()
        return torch.compile(run, fullgraph=True, dynamic=False, backend=backend)

    def _tensor(self, images: FloatArray) -> Any:
        """Make a batch with a free number of images."""
        tensor = torch.from_numpy(images).to(self.spec.device, self._dtype)
        if len(images) > 1:
            torch._dynamo.mark_dynamic(tensor, 0)  # documented by this name
        return tensor

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        described = super().describe()
        described["placement"] = described["placement"] | {
            "provider": f"inductor on {self.spec.device}",
            "n_graphs": self._n_graphs,
            "proof": "fullgraph: anything outside the compiled graphs would be an error",
        }
        if self.spec.precision == "fp16" and self.spec.device == "cpu":
            described["numerics"] = _NUMERICS
        return described


class CompiledTorchEngine(_Compiled):
    """Compiled PyTorch on a CPU."""

    def _run(self, images: FloatArray) -> RawOutputs:
        with torch.inference_mode():
            outputs = self._model(self._tensor(images))
        return RawOutputs(*(output.float().numpy() for output in outputs))


class CompiledTorchDeviceEngine(_Compiled, TorchDeviceEngine):
    """Compiled PyTorch on CUDA. Not yet run on hardware."""

    def _load(self, images: FloatArray) -> None:
        self._input = self._tensor(images)
        self._wait()
