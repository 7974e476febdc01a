"""Find engines by name, built-in ones and those of other packages; imports no NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING

from retinaface.errors import EngineUnavailable, unknown

if TYPE_CHECKING:
    from retinaface.reference.floors import SumFloor
    from retinaface.typing import Precision

ENTRY_POINT_GROUP = "retinaface.engines"


@dataclass(frozen=True)
class EngineEntry:
    """An engine's factory and facts for its specification.

    Attributes:
        factory: `package.module:name`, imported when the engine is opened.
        device: The device that it runs on.
        precision: The precision that it computes in.
        loads_onnx: Whether it loads an ONNX file; otherwise it builds the network from weights.
        is_default: Whether a run that names no engine tests it.
        source_precision: Precision of the ONNX file that is exported for it; None for the engine's
            own. A runtime that converts to FP16 itself gets FP32.
        builds_files: Whether its builds are files, so it can load a given one.
        is_slow: Whether one image takes over a second; then a run leaves out timings and AP over a
            data set.
        is_sluggish: Whether one image takes tenths of a second, or more; then the engine contract
            runs few batch sizes, and few images run a second time.
        sums: In which order it adds, where it rounds sums to FP16 too by its runtime's own account;
            then its FP16 is compared with an emulation that does the same (`reference.floors`).
    """

    factory: str
    device: str
    precision: Precision
    loads_onnx: bool = True
    is_default: bool = False
    source_precision: Precision | None = None
    builds_files: bool = False
    is_slow: bool = False
    is_sluggish: bool = False
    sums: SumFloor | None = None


def _builder(factory: str, device: str, precision: Precision) -> EngineEntry:
    """Describe a runtime that builds files from FP32 ONNX and converts to FP16 itself."""
    return EngineEntry(factory, device, precision, source_precision="fp32", builds_files=True)


_ORT = "retinaface.engines.onnxruntime.cpu:OnnxRuntimeEngine"
_ORT_CUDA = "retinaface.engines.onnxruntime.cuda:OnnxRuntimeDeviceEngine"
_ORT_WEBGPU = "retinaface.engines.onnxruntime.webgpu:OnnxRuntimeWebGpuEngine"
_ORT_TENSORRT = "retinaface.engines.onnxruntime.tensorrt:OnnxRuntimeTensorRtEngine"
_TENSORRT = "retinaface.engines.tensorrt.engine:TensorRtEngine"
_TORCH = "retinaface.engines.torch.eager:TorchEngine"
_TORCH_CUDA = "retinaface.engines.torch.eager:TorchDeviceEngine"
_COMPILED = "retinaface.engines.torch.compiled:CompiledTorchEngine"
_COMPILED_CUDA = "retinaface.engines.torch.compiled:CompiledTorchDeviceEngine"
_NCNN = "retinaface.engines.ncnn.engine:NcnnEngine"
_NCNN_VULKAN = "retinaface.engines.ncnn.vulkan:NcnnVulkanEngine"
_OPENVINO = "retinaface.engines.openvino.engine:OpenVinoEngine"
_TVM = "retinaface.engines.tvm.engine:TvmEngine"
_IREE = "retinaface.engines.iree.engine:IreeEngine"
_IGIE = "retinaface.engines.iluvatar.igie:IgieEngine"
_IXRT = "retinaface.engines.iluvatar.ixrt:IxrtEngine"
_OPENCV = "retinaface.engines.opencv:OpenCvEngine"
_ONNX = "retinaface.engines.onnx_reference:OnnxReferenceEngine"


BUILTIN: Mapping[str, EngineEntry] = MappingProxyType(
    {
        "torch-cpu-fp32": EngineEntry(_TORCH, "cpu", "fp32", loads_onnx=False),
        "torch-cpu-fp16": EngineEntry(_TORCH, "cpu", "fp16", loads_onnx=False, is_sluggish=True),
        "torch-cuda-fp32": EngineEntry(_TORCH_CUDA, "cuda", "fp32", loads_onnx=False),
        "torch-cuda-fp16": EngineEntry(_TORCH_CUDA, "cuda", "fp16", loads_onnx=False),
        "torch-compile-cpu-fp32": EngineEntry(_COMPILED, "cpu", "fp32", loads_onnx=False),
        "torch-compile-cpu-fp16": EngineEntry(_COMPILED, "cpu", "fp16", loads_onnx=False),
        "torch-compile-cuda-fp32": EngineEntry(_COMPILED_CUDA, "cuda", "fp32", loads_onnx=False),
        "torch-compile-cuda-fp16": EngineEntry(_COMPILED_CUDA, "cuda", "fp16", loads_onnx=False),
        "ort-cpu-fp32": EngineEntry(_ORT, "cpu", "fp32", is_default=True),
        "ort-cpu-fp16": EngineEntry(_ORT, "cpu", "fp16", is_default=True),
        "ort-cpu-int8": EngineEntry(_ORT, "cpu", "int8"),
        "ort-cuda-fp32": EngineEntry(_ORT_CUDA, "cuda", "fp32", is_default=True),
        "ort-cuda-fp16": EngineEntry(_ORT_CUDA, "cuda", "fp16", is_default=True),
        "ort-tensorrt-fp32": EngineEntry(_ORT_TENSORRT, "cuda", "fp32"),
        "ort-tensorrt-fp16": EngineEntry(_ORT_TENSORRT, "cuda", "fp16"),
        # On a device in software, which is what most machines have, an image takes half a second.
        "ort-webgpu-fp32": EngineEntry(_ORT_WEBGPU, "webgpu", "fp32", is_sluggish=True),
        "ort-webgpu-fp16": EngineEntry(
            _ORT_WEBGPU, "webgpu", "fp16", is_sluggish=True, sums="fp16-products"
        ),
        "tensorrt-cuda-fp32": EngineEntry(_TENSORRT, "cuda", "fp32", builds_files=True),
        # From the FP16 file: TensorRT 11 always takes types from the file, and 10 can.
        "tensorrt-cuda-fp16": EngineEntry(_TENSORRT, "cuda", "fp16", builds_files=True),
        "openvino-cpu-fp32": EngineEntry(_OPENVINO, "cpu", "fp32"),
        "openvino-cpu-fp16": EngineEntry(_OPENVINO, "cpu", "fp16"),
        "openvino-cpu-int8": EngineEntry(_OPENVINO, "cpu", "int8"),
        "openvino-gpu-fp32": EngineEntry(_OPENVINO, "gpu", "fp32"),
        "openvino-gpu-fp16": EngineEntry(_OPENVINO, "gpu", "fp16"),
        "openvino-npu-fp16": EngineEntry(_OPENVINO, "npu", "fp16"),
        "openvino-auto-fp32": EngineEntry(_OPENVINO, "auto", "fp32"),
        "ncnn-cpu-fp32": EngineEntry(_NCNN, "cpu", "fp32"),
        "ncnn-cpu-fp16": EngineEntry(_NCNN, "cpu", "fp16"),
        "ncnn-vulkan-fp32": EngineEntry(_NCNN_VULKAN, "vulkan", "fp32", is_sluggish=True),
        # Its shaders add in `afpvec4`, which is FP16 where arithmetic is.
        "ncnn-vulkan-fp16": EngineEntry(
            _NCNN_VULKAN, "vulkan", "fp16", is_sluggish=True, sums="fp16-blocks"
        ),
        "tvm-llvm-fp32": _builder(_TVM, "cpu", "fp32"),
        "iree-cpu-fp32": EngineEntry(_IREE, "cpu", "fp32", builds_files=True),
        # From the FP16 file: its types are those of the arithmetic.
        "iree-cpu-fp16": EngineEntry(_IREE, "cpu", "fp16", builds_files=True, is_sluggish=True),
        "igie-iluvatar-fp32": _builder(_IGIE, "iluvatar", "fp32"),
        "igie-iluvatar-fp16": _builder(_IGIE, "iluvatar", "fp16"),
        "ixrt-iluvatar-fp16": _builder(_IXRT, "iluvatar", "fp16"),
        "opencv-cpu-fp32": EngineEntry(_OPENCV, "cpu", "fp32"),
        "onnx-reference-fp32": EngineEntry(_ONNX, "cpu", "fp32", is_sluggish=True),
        "onnx-reference-fp16": EngineEntry(_ONNX, "cpu", "fp16", is_slow=True, is_sluggish=True),
    }
)


def engine_names() -> list[str]:
    """List built-in engines and those of installed packages."""
    return [*BUILTIN, *sorted(metadata.entry_points(group=ENTRY_POINT_GROUP).names)]


def find_engine(name: str) -> EngineEntry:
    """Find an engine: built-in, entry point, or `package.module:factory`.

    The name of a third party's engine gives its device and precision, if it has the form
    `<runtime>-<device>-<precision>` or `package.module:<runtime>_<device>_<precision>`; otherwise
    they are CPU and FP32.

    Raises:
        EngineUnavailable: The engine is unknown.
    """
    if name in BUILTIN:
        return BUILTIN[name]
    parts = name.rpartition(":")[2].replace("_", "-").split("-")
    known: dict[str, Precision] = {"fp32": "fp32", "fp16": "fp16", "int8": "int8"}
    precision = known.get(parts[-1], "fp32")
    device = parts[-2] if len(parts) >= 3 and parts[-1] in known else "cpu"
    # Whether a third party's engine loads a build shows only when it gets one: see `build_engine`.
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        return EngineEntry(point.value, device, precision, builds_files=True)
    if ":" in name:
        return EngineEntry(name, device, precision, builds_files=True)
    raise EngineUnavailable(
        unknown("unknown engine", name, engine_names(), more="or package.module:factory")
    )
