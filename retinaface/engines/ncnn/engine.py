"""Run ncnn on the CPU, image by image, with files that its converter makes from ONNX."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from retinaface.engines.base import Engine, EngineSpec
from retinaface.engines.importing import importing
from retinaface.engines.onnx_model import (
    Port,
    check_interface,
    check_precision,
    model_of,
    read_model,
    read_precision,
)
from retinaface.engines.options import is_on
from retinaface.engines.threads import threads_and_calls
from retinaface.errors import EngineFault, EngineUnavailable
from retinaface.network.config import OUTPUT_NAMES, OUTPUT_WIDTHS, PRECISION_KEY
from retinaface.network.outputs import RawOutputs
from retinaface.network.priors import prior_boxes
from retinaface.typing import FloatArray

with importing("ncnn", "install the extra 'ncnn', and its converter: pip install --no-deps pnnx"):
    import ncnn
with importing("onnx", "install the extra 'ncnn'"):
    import onnx

from retinaface.engines.ncnn.files import convert, converter_version, layer_kinds
from retinaface.export.onnx_graph import axes_of
from retinaface.temporaries import scratch_dir

_TYPES: dict[int, type[np.floating[Any]]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.FLOAT16: np.float16,
}
# Names from the converter.
_INPUT = "in0"
_OUTPUTS = ("out0", "out1", "out2")
# How the options of a network begin; others are the engine's own.
_OF_NET = ("use_", "lightmode")
_NOTE = "computes in FP32 on FP16 weights, so it does not show FP16 numerics"


class NcnnEngine(Engine):
    """A network with an extractor for each image.

    Its options are those of ncnn that change how it computes, except precision and device.
    """

    _runtime = f"ncnn {ncnn.__version__}"
    known_options: ClassVar = {
        "use_winograd_convolution": "on or off: Winograd's algorithm, of any tile",
        "use_winograd23_convolution": "on or off: its tiles of 2",
        "use_winograd43_convolution": "on or off: its tiles of 4",
        "use_winograd63_convolution": "on or off: its tiles of 6",
        "use_sgemm_convolution": "on or off: convolutions as products of matrices",
        "use_packing_layout": "on or off: channels side by side in a vector",
        "lightmode": "on or off: intermediates freed after their last use",
    }

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._model = model_of(spec)
        self._threads, self.parallel_calls = threads_and_calls(spec)
        self._check_device()
        self._check_model()
        started = time.perf_counter()
        with scratch_dir() as folder:
            param, weights = self._convert(folder)
            n_nodes = len(layer_kinds(param))
            self._net = self._load(param, weights, is_fp16=spec.precision == "fp16")
            self._build_s = time.perf_counter() - started
            self._rounds = self._proves_fp16(param, weights)
        self._placement = self._find_placement(n_nodes)

    def _check_device(self) -> None:
        """Check that the device is there."""

    def _choose_device(self, net: Any) -> None:
        """Set the device of a network that is not loaded yet."""
        net.opt.use_vulkan_compute = False

    def _find_placement(self, n_nodes: int) -> dict[str, Any]:
        """Tell where the layers run: Vulkan is off, so ncnn can run one only on the CPU."""
        return {"provider": "ncnn CPU", "n_nodes": n_nodes, "fallback": []}

    def _check_model(self) -> None:
        """Compare names, types, axes and precision of the file with the specification."""
        spec, name = self.spec, self.spec.name
        if spec.height_px is None:
            raise EngineUnavailable(
                f"{name} needs inputs of one size, because its files fix it, and any other size "
                "needs its own conversion; use a pipeline of fixed size: --pipeline igie"
            )
        proto = read_model(spec, self._model)
        if not proto.graph.input:
            raise EngineUnavailable(
                f"{name} cannot load {self._model}: it has no input; check the file"
            )
        inputs, outputs = (
            [_port(v) for v in proto.graph.input],
            [_port(v) for v in proto.graph.output],
        )
        # Images are run one by one, so a batch of one is enough for any number.
        batch = check_interface(
            dataclasses.replace(spec, max_batch=1), self._model, inputs, outputs
        )
        if batch not in (None, 1):
            raise EngineUnavailable(
                f"{name} runs one image at a time, and {self._model} takes batches of {batch}; "
                "export with --batch-size dynamic"
            )
        stated = {p.key: p.value for p in proto.metadata_props}.get(PRECISION_KEY)
        check_precision(spec, self._model, read_precision(spec, self._model, stated))

    def _convert(self, folder: Path) -> tuple[Path, Path]:
        spec = self.spec
        param, weights = convert(
            self._model,
            folder,
            height_px=spec.height_px or 0,
            width_px=spec.width_px or 0,
        )
        unknown = sorted({k for k in layer_kinds(param) if ncnn.layer_to_index(k) < 0})
        if unknown:
            raise EngineUnavailable(
                f"{spec.name} cannot run {self._model}: ncnn {ncnn.__version__} lacks the layers "
                f"that pnnx {converter_version()} made from it: {', '.join(unknown)}; export at "
                "another opset, or simplified"
            )
        return param, weights

    def _load(self, param: Path, weights: Path, *, is_fp16: bool) -> Any:
        """Load the files with the options of one precision."""
        net = ncnn.Net()
        self._choose_device(net)
        for name in dir(net.opt):  # all options of this version; FP16 is on by default
            if name.startswith(("use_fp16_", "use_bf16_")):
                setattr(net.opt, name, is_fp16 and name.startswith("use_fp16_"))
        for name in filter(lambda name: name.startswith(_OF_NET), self.spec.options):
            setattr(net.opt, name, is_on(self.spec.name, self.spec.options, name, default=True))
        if self._threads is not None:
            net.opt.num_threads = self._threads
        if self.spec.shares_cpus:
            net.opt.openmp_blocktime = 0  # idle threads sleep at once
        if net.load_param(str(param)) or net.load_model(str(weights)):
            raise EngineUnavailable(
                f"{self.spec.name}: ncnn {ncnn.__version__} cannot load what pnnx "
                f"{converter_version()} made of {self._model}; install both from one release"
            )
        names = (list(net.input_names()), list(net.output_names()))  # in the order of the layers
        if (names[0], sorted(names[1])) != ([_INPUT], sorted(_OUTPUTS)):
            raise EngineUnavailable(
                f"{self.spec.name}: expected {_INPUT} -> {', '.join(_OUTPUTS)} of pnnx, got "
                f"{', '.join(names[0])} -> {', '.join(names[1])}; install the pnnx of this ncnn"
            )
        return net

    def _proves_fp16(self, param: Path, weights: Path) -> bool:
        """Tell whether FP16 changes the outputs; on processors without it the options do nothing.

        ncnn does not show the precision of a layer, so both run on the same image.
        """
        if self.spec.precision == "fp32":
            return False
        height, width = self.spec.height_px or 0, self.spec.width_px or 0
        image = np.linspace(-120, 130, 3 * height * width, dtype=np.float32)
        image = image.reshape(3, height, width)
        wide = run_network(self._load(param, weights, is_fp16=False), image)
        pairs = zip(wide, run_network(self._net, image), strict=True)
        return not all(np.array_equal(a, b) for a, b in pairs)

    def _run(self, images: FloatArray) -> RawOutputs:
        n, _, height, width = images.shape
        n_priors = len(prior_boxes(height, width))
        found = [
            np.empty((n, n_priors, n_values), dtype=np.float32)
            for n_values in OUTPUT_WIDTHS.values()
        ]
        for i, image in enumerate(images):
            for name, array, output in zip(
                OUTPUT_NAMES, found, run_network(self._net, image), strict=True
            ):
                # ncnn has no batch axis, and may keep or drop a leading axis of one.
                if output.size != array[i].size or output.shape[-2:] != array[i].shape:
                    raise EngineFault(
                        f"{self.spec.name}: {name} of an image should be {array[i].shape}, got "
                        f"{output.shape}"
                    )
                array[i] = output.reshape(array[i].shape)
        return RawOutputs(*found)

    def describe(self) -> dict[str, Any]:
        """See `Engine.describe`."""
        is_wide = self.spec.precision == "fp16" and not self._rounds
        numerics = _NOTE if is_wide else f"computes in {self.spec.precision.upper()}"
        return super().describe() | {"numerics": numerics}

    def _facts(self) -> dict[str, Any]:
        return {
            "converter": f"pnnx {converter_version()}",
            "threads": self._threads,
            "parallel_calls": self.parallel_calls,
            "images_per_call": 1,
            "options": dict(self.spec.options),
            "model": self._model.name,
        }

    def close(self) -> None:
        """See `Engine.close`."""
        self._net = None
        super().close()


def run_network(net: Any, image: FloatArray) -> list[FloatArray]:
    """Run one image (3, H, W) and return copies; `image` must live until the outputs are read."""
    extractor = net.create_extractor()
    extractor.input(_INPUT, ncnn.Mat(image))
    found = []
    for name in _OUTPUTS:
        status, output = extractor.extract(name)
        if status:
            raise RuntimeError(f"ncnn gives status {status} for {name}")
        found.append(np.array(output, dtype=np.float32))
    return found


def _port(value: Any) -> Port:
    kind = value.type.tensor_type.elem_type
    name = onnx.TensorProto.DataType.Name(kind)
    return Port(value.name, name, _TYPES.get(kind), axes_of(value))
