"""Find out, by trying, whether this machine has what a test needs, or say what is missing."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable

from retinaface.engines.base import Engine
from retinaface.engines.catalogue import find_engine
from retinaface.engines.staged import StagedEngine
from retinaface.errors import RetinaFaceError
from retinaface.reference.inputs import REAL
from retinaface.suite.judged.cases import FULL, missing_reference
from retinaface.suite.pool import FIXED_SIZE, EnginePool
from retinaface.suite.target import Target


def _import(name: str) -> Callable[[Target], str | None]:
    def probe(_target: Target) -> str | None:
        try:
            importlib.import_module(name)
        except ImportError as error:
            return f"importing {name} failed ({error})"
        return None

    return probe


def _checkpoint(target: Target) -> str | None:
    is_theirs = not target.weights.is_embedded or target.has_files
    return None if is_theirs else f"weights are {target.weights.description}"


def _scorable(target: Target) -> str | None:
    """Refuse AP of the embedded pictures for other weights: there is nothing to compare it with."""
    if not target.data.is_embedded or target.data.is_named or target.has_embedded_weights:
        return None
    return (
        "AP of the embedded pictures is comparable only for the embedded weights, and this run "
        "judges others; name the images for your weights with --widerface DIR"
    )


def _familiar_pictures(target: Target) -> str | None:
    """Say whether pictures are of the kind that the weights were trained on."""
    if not target.data.is_embedded or target.has_embedded_weights:
        return None
    return (
        "the generated pictures of the embedded set are strange to these weights, which answer the "
        "rounding of FP16 there by more than on photographs; name some with --widerface DIR"
    )


def _widerface(target: Target) -> str | None:
    if target.data.is_embedded:
        return "the pictures are those of the embedded set"
    return _images(target)


def _images(target: Target) -> str | None:
    try:
        _n_images(target)
    except RetinaFaceError as error:
        return str(error)
    return None


def _full_set(target: Target) -> str | None:
    from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES, SPLITS

    if (reason := _widerface(target)) is not None:
        return reason
    if (splits := target.data.open().truth.splits) != SPLITS:
        return f"published figures are of {', '.join(SPLITS)}, the ground truth is of {splits[0]}"
    if (n := _n_images(target)) != OFFICIAL_N_IMAGES:
        return f"published figures cover {OFFICIAL_N_IMAGES} images, the run has {n}"
    return None


def _n_images(target: Target) -> int:
    return len(target.data.open().select(target.subset).images)


def _exact_outputs(kind: str) -> Callable[[Target], str | None]:
    """Look for exact outputs on a kind of input: stored ones, or what computes them."""
    return lambda target: missing_reference(target, kind)


def _opens(engine: str) -> Callable[[Target], str | None]:
    """Open an engine and run a tiny model."""

    def probe(target: Target) -> str | None:
        import numpy as np

        from retinaface.engines.opening import open_engine
        from retinaface.export.tiny_model import tiny_model

        if (reason := _import("onnx")(target)) is not None:
            return reason
        try:
            with open_engine(engine, model=tiny_model(), max_batch=1) as opened:
                opened.infer(np.zeros((1, 3, *FIXED_SIZE), np.float32))
        except RetinaFaceError as error:
            return str(error)
        return None

    return probe


def _compiles(_target: Target) -> str | None:
    """Compile a function that adds."""
    if (reason := _import("torch")(_target)) is not None:
        return reason
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its parts warn about each other
            torch.compile(lambda x: x + 1, fullgraph=True)(torch.zeros(3))
    except Exception as error:  # noqa: BLE001 - the compiler's exceptions have no base of their own
        reason = " ".join(str(error).splitlines()[:2])
        return f"torch.compile failed ({type(error).__name__}: {reason})"
    return None


def _opencv_dnn(_target: Target) -> str | None:
    import cv2

    missing = f"OpenCV {cv2.__version__} has no new engine in cv2.dnn; install OpenCV 5 or later"
    return None if hasattr(cv2.dnn, "ENGINE_NEW") else missing


def _tensorrt_bindings(_target: Target) -> str | None:
    """Look for the wheel without importing it, since its libraries are other wheels."""
    found = importlib.util.find_spec("tensorrt_bindings")
    return None if found else "the wheel tensorrt-cu13-bindings is not installed"


def _resident_memory(_target: Target) -> str | None:
    from retinaface.checks.engine_contract import resident_bytes

    try:
        resident_bytes()
    except OSError as error:
        return f"the memory of this process cannot be read ({error})"
    return None


def _soak(target: Target) -> str | None:
    missing = "no length is given; to run each engine for a while, add --soak SECONDS"
    return missing if target.soak_s is None else None


_MODULES = ("torch", "onnx", "onnxconverter_common", "onnxsim", "onnxruntime", "safetensors")
PROBES: dict[str, Callable[[Target], str | None]] = {
    **{name: _import(name) for name in _MODULES},
    "checkpoint": _checkpoint,
    "scorable": _scorable,
    "familiar-pictures": _familiar_pictures,
    "images": _images,
    "widerface": _widerface,
    "full-set": _full_set,
    "reference": _exact_outputs("scene"),
    "full-reference": _exact_outputs(FULL),
    "photographs": _exact_outputs(REAL),
    "cuda": _opens("ort-cuda-fp32"),
    "webgpu": _opens("ort-webgpu-fp32"),
    "tensorrt": _opens("tensorrt-cuda-fp32"),
    "openvino": _opens("openvino-cpu-fp32"),
    "ncnn": _opens("ncnn-cpu-fp32"),
    "iree": _opens("iree-cpu-fp32"),
    "ncnn-vulkan": _opens("ncnn-vulkan-fp32"),
    "tvm": _opens("tvm-llvm-fp32"),
    "torch-compile": _compiles,
    "opencv-dnn": _opencv_dnn,
    "tensorrt-bindings": _tensorrt_bindings,
    "resident-memory": _resident_memory,
    "soak": _soak,
}


def opening_problem(
    pool: EnginePool, engine: str, size_px: tuple[int, int] | None = FIXED_SIZE
) -> str | None:
    """Say why an engine cannot be opened for an input size; None if it can; it stays open."""
    try:
        pool.get(engine, size_px=size_px)
    except RetinaFaceError as error:
        return str(error)
    return None


def _hidden_layers(pool: EnginePool, engine: str) -> str | None:
    """Say why an engine does not show the tensors inside it; None if it does."""
    if (reason := opening_problem(pool, engine)) is not None:
        return reason
    opened = pool.get(engine)
    if type(opened)._run_intermediates is Engine._run_intermediates:
        return f"{type(opened).__name__} shows no tensors inside the network (_run_intermediates)"
    return None


def _one_step(pool: EnginePool, engine: str) -> str | None:
    """Say why an engine's run is not separate from its copies; None if it is."""
    if (reason := opening_problem(pool, engine)) is not None:
        return reason
    opened = pool.get(engine)
    missing = f"{type(opened).__name__} does not separate its run from its copies (StagedEngine)"
    return None if isinstance(opened, StagedEngine) else missing


def _no_builds(pool: EnginePool, engine: str) -> str | None:
    """Say why there is no build of an engine to make twice; None if there is."""
    if (reason := opening_problem(pool, engine)) is not None:
        return reason
    opened = pool.get(engine)
    missing = f"{type(opened).__name__} names no file that it built (built_file)"
    return missing if opened.built_file is None else None


def _slow(_pool: EnginePool, engine: str) -> str | None:
    """Say why an engine is left out where images are many or calls are timed; None if it is not."""
    if not find_engine(engine).is_slow:
        return None
    return (
        f"one image takes {engine} over a second, so this would take hours; its AP over a few "
        f"images: retinaface evaluate --engine {engine} --pipeline igie --limit 16"
    )


def _no_rounding(_pool: EnginePool, engine: str) -> str | None:
    """Say why no rounding predicts the error of an engine; None if it does."""
    if find_engine(engine).precision != "int8":
        return None
    return (
        f"{engine} computes in INT8, which is held to budgets, not to a rounding floor: "
        "--budget-ap EASY,MEDIUM,HARD, --budget-detections SHARE"
    )


# What an engine must offer. Where the engine itself is missing, only that is reported.
ENGINE_PROBES: dict[str, Callable[[EnginePool, str], str | None]] = {
    "engine": opening_problem,
    "layers": _hidden_layers,
    "stages": _one_step,
    "builds": _no_builds,
    "fast": _slow,
    "rounding": _no_rounding,
}
