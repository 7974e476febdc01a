"""Options of a run, what a test may need and how its absence is found out, and the one skip."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Workers side by side: a thread each, before any library starts its own.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.base import Engine
from retinaface.engines.catalogue import find_engine
from retinaface.engines.staged import StagedEngine
from retinaface.suite import events, plugin, quick
from retinaface.suite.plugin import TARGET, option
from retinaface.suite.pool import FIXED_SIZE, EnginePool
from retinaface.suite.target import Target

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

POOL: pytest.StashKey[EnginePool] = pytest.StashKey()
# Needs that are looked up by a name of their own: an engine, an engine for a pipeline's input size,
# an engine that shows its layers, that is no matter of hours, whose run can be timed alone, whose
# builds are files.
_ENGINE, _SIZE, _LAYERS, _FAST = "engine:", "size:", "layers:", "fast:"
_STAGES, _BUILDS = "stages:", "builds:"
_IMPLIED = dict.fromkeys((_SIZE, _LAYERS, _FAST, _STAGES, _BUILDS), _ENGINE)
_IMPLIED["full-set"] = "widerface"


def _import(name: str) -> Callable[[Target], str | None]:
    def probe(_target: Target) -> str | None:
        try:
            importlib.import_module(name)
        except ImportError as error:
            return f"importing {name} failed ({error})"
        return None

    return probe


def _checkpoint(target: Target) -> str | None:
    if target.weights.is_embedded and not target.has_files:
        return f"weights are {target.weights.description}"
    return None


def _scorable(target: Target) -> str | None:
    """AP of weights that never saw such pictures compares with nothing."""
    if not target.data.is_embedded or target.data.is_named or target.has_embedded_weights:
        return None
    return (
        "AP of the embedded pictures is comparable for the embedded weights alone, and others are "
        "judged; name the images that yours are scored on with --widerface DIR"
    )


def _widerface(target: Target) -> str | None:
    if target.data.is_embedded:
        return "the pictures are those of the embedded set"
    return _images(target)


def _images(target: Target) -> str | None:
    from retinaface.errors import RetinaFaceError

    try:
        _n_images(target)
    except RetinaFaceError as error:
        return str(error)
    return None


def _full_set(target: Target) -> str | None:
    from retinaface.widerface.ground_truth import OFFICIAL_N_IMAGES

    if (reason := _widerface(target)) is not None:
        return reason
    if (n := _n_images(target)) != OFFICIAL_N_IMAGES:
        return f"published figures are over {OFFICIAL_N_IMAGES} images, the run has {n}"
    return None


def _n_images(target: Target) -> int:
    from retinaface.widerface.dataset import open_widerface

    dataset = open_widerface(target.data.root)
    return len(dataset.select(target.subset).images)


def _reference(target: Target) -> str | None:
    from retinaface.suite.cases import missing_reference

    return missing_reference(target, "scene")


def _full_reference(target: Target) -> str | None:
    from retinaface.suite.cases import FULL, missing_reference

    return missing_reference(target, FULL)


def _photographs(target: Target) -> str | None:
    """The exact outputs on pictures: from a full reference, or made by torch from the data."""
    from retinaface.reference.inputs import REAL
    from retinaface.suite.cases import missing_reference

    return missing_reference(target, REAL)


def _golden(_target: Target) -> str | None:
    value = os.environ.get("RETINAFACE_GOLDEN")
    if not value:
        return "RETINAFACE_GOLDEN, a folder of prediction zips made by other code, is not set"
    if not Path(value).is_dir():
        return f"RETINAFACE_GOLDEN={value} is not a folder"
    return None


def _opens(engine: str) -> Callable[[Target], str | None]:
    """Open an engine and run a tiny model."""

    def probe(target: Target) -> str | None:
        import numpy as np

        from retinaface.engines.opening import open_engine
        from retinaface.errors import RetinaFaceError
        from tests.support.onnx_models import tiny_model

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
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its parts warn of each other
            torch.compile(lambda x: x + 1, fullgraph=True)(torch.zeros(3))
    except Exception as error:  # noqa: BLE001 - the compiler's exceptions have no base of their own
        said = " ".join(str(error).splitlines()[:2])
        return f"torch.compile failed ({type(error).__name__}: {said})"
    return None


def _chromium(_target: Target) -> str | None:
    from tests.support.chromium import missing_chromium

    return missing_chromium()


def _opencv_dnn(_target: Target) -> str | None:
    import cv2

    if hasattr(cv2.dnn, "ENGINE_NEW"):
        return None
    return f"OpenCV {cv2.__version__} has no new engine in cv2.dnn; install OpenCV 5 or later"


def _resident_memory(_target: Target) -> str | None:
    from retinaface.checks.engine_contract import resident_bytes

    try:
        resident_bytes()
    except OSError as error:
        return f"the memory of this process cannot be read ({error})"
    return None


PROBES: dict[str, Callable[[Target], str | None]] = {
    "torch": _import("torch"),
    "onnx": _import("onnx"),
    "onnxconverter_common": _import("onnxconverter_common"),
    "onnxsim": _import("onnxsim"),
    "onnxruntime": _import("onnxruntime"),
    "checkpoint": _checkpoint,
    "scorable": _scorable,
    "images": _images,
    "widerface": _widerface,
    "full-set": _full_set,
    "reference": _reference,
    "full-reference": _full_reference,
    "photographs": _photographs,
    "golden": _golden,
    "cuda": _opens("ort-cuda-fp32"),
    "tensorrt": _opens("tensorrt-cuda-fp32"),
    "openvino": _opens("openvino-cpu-fp32"),
    "ncnn": _opens("ncnn-cpu-fp32"),
    "tvm": _opens("tvm-llvm-fp32"),
    "torch-compile": _compiles,
    "chromium": _chromium,
    "opencv-dnn": _opencv_dnn,
    "resident-memory": _resident_memory,
}
_found: dict[str, str | None] = {}


def missing(name: str, config: pytest.Config) -> str | None:
    """What `name` lacks on this machine, or None; each probe does the real thing, once."""
    if name not in _found:
        target = config.stash[TARGET]
        if name.startswith(_ENGINE):
            engine = name.removeprefix(_ENGINE)
            _found[name] = _unopened(config.stash[POOL], engine, FIXED_SIZE)
        elif name.startswith(_SIZE):
            # Some engines were built for one size, and a pipeline may need another.
            engine, _, pipeline = name.removeprefix(_SIZE).partition("|")
            size_px = PIPELINES[pipeline].input_size_px
            _found[name] = _unopened(config.stash[POOL], engine, size_px)
        elif name.startswith(_LAYERS):
            _found[name] = _hidden_layers(config.stash[POOL], name.removeprefix(_LAYERS))
        elif name.startswith(_STAGES):
            _found[name] = _one_step(config.stash[POOL], name.removeprefix(_STAGES))
        elif name.startswith(_BUILDS):
            _found[name] = _no_builds(config.stash[POOL], name.removeprefix(_BUILDS))
        elif name.startswith(_FAST):
            _found[name] = _slow(name.removeprefix(_FAST))
        else:
            _found[name] = PROBES[name](target)
    return _found[name]


def _unopened(pool: EnginePool, engine: str, size_px: tuple[int, int] | None) -> str | None:
    """Why an engine cannot be opened for an input size; None if it can, and then it stays open."""
    from retinaface.errors import RetinaFaceError

    try:
        pool.get(engine, size_px=size_px)
    except RetinaFaceError as error:
        return str(error)
    return None


def _hidden_layers(pool: EnginePool, engine: str) -> str | None:
    """Why an engine does not show the tensors inside it; None if it does."""
    if (reason := _unopened(pool, engine, FIXED_SIZE)) is not None:
        return reason
    opened = pool.get(engine)
    if type(opened)._run_intermediates is Engine._run_intermediates:
        return f"{type(opened).__name__} shows no tensors inside the network (_run_intermediates)"
    return None


def _one_step(pool: EnginePool, engine: str) -> str | None:
    """Why an engine's run cannot be told from its copies; None if it can."""
    if (reason := _unopened(pool, engine, FIXED_SIZE)) is not None:
        return reason
    opened = pool.get(engine)
    if isinstance(opened, StagedEngine):
        return None
    return f"{type(opened).__name__} does not tell its run from its copies (StagedEngine)"


def _no_builds(pool: EnginePool, engine: str) -> str | None:
    """Why there is no build of an engine to make twice; None if there is."""
    if (reason := _unopened(pool, engine, FIXED_SIZE)) is not None:
        return reason
    opened = pool.get(engine)
    if opened.built_file is not None:
        return None
    return f"{type(opened).__name__} names no file that it built (built_file)"


def _slow(engine: str) -> str | None:
    """Why an engine is left out where images are many or calls are timed; None if it is not."""
    if not find_engine(engine).is_slow:
        return None
    return (
        f"{engine} takes over a second for an image, so hours for this; its AP over a few "
        f"images: retinaface evaluate --engine {engine} --pipeline igie --limit 16"
    )


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options of a validation run, and the hooks that read them."""
    for module in (plugin, quick, events):
        pluginmanager.register(module)
    group = parser.getgroup("retinaface", "RetinaFace: what to validate, against what")
    group.addoption(
        "--engine",
        action="append",
        default=[],
        metavar="NAME",
        help="engine to test (repeatable): built-in, entry point, or package.module:factory; one "
        "that is named must run. Default: those of ONNX Runtime",
    )
    group.addoption(
        "--pipeline",
        action="append",
        default=[],
        metavar="NAME",
        help="published recipe to test (repeatable). Default: all",
    )
    group.addoption("--batch", metavar="N", help="most images in one call, for accuracy")
    group.addoption(
        "--model",
        action="append",
        default=[],
        metavar="FILE",
        help="exported file to judge (repeatable: FP32 and FP16), in place of fresh exports",
    )
    group.addoption(
        "--engine-file",
        action="append",
        default=[],
        metavar="FILE",
        help="prebuilt engine to judge (repeatable), for engines whose builds are files",
    )
    group.addoption(
        "--engine-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of the engines of the run (repeatable); one that does not know it fails",
    )
    group.addoption("--weights", metavar="FILE", help="checkpoint, or 'embedded'")
    group.addoption("--widerface", metavar="DIR", help="WIDER FACE validation set, or 'embedded'")
    group.addoption("--subset", metavar="NAME", help="named part of it: every-8")
    group.addoption(
        "--baseline", metavar="FILE|auto", help="baselines to hold against. Default: baselines/"
    )
    group.addoption(
        "--require",
        action="append",
        default=[],
        metavar="NAME",
        help=f"fail instead of skipping where this is missing: {', '.join(sorted(PROBES))}",
    )
    group.addoption("--record", metavar="DIR", help="write the run record into a new folder")
    # `validate` keeps a record for itself where none is asked for.
    group.addoption("--record-is-temporary", action="store_true", help=argparse.SUPPRESS)
    group.addoption(
        "--accept-baseline",
        action="store_true",
        help="make this run's figures the baseline; wants --reason, a clean tree, and no CI",
    )
    group.addoption("--reason", metavar="TEXT", help="why the new baseline is right")


def pytest_configure(config: pytest.Config) -> None:
    """Check `--require`, and open the pool of engines."""
    if unknown := [name for name in option(config, "require") if name not in PROBES]:
        raise pytest.UsageError(
            f"--require {unknown[0]}: expected one of: {', '.join(sorted(PROBES))}"
        )
    config.stash[POOL] = EnginePool(config.stash[TARGET])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the engines."""
    if POOL in config.stash:
        config.stash[POOL].close()


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """The suites and the browser run alone: times and the record belong to one process."""
    folders = item.path.relative_to(item.config.rootpath).parts
    if {"validation", "browser"} & set(folders):
        item.add_marker(pytest.mark.alone)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the exhaustive matrix, and engines that a test is not for."""
    wants_all = "exhaustive" in config.option.markexpr
    kept, left = [], []
    for item in items:
        is_extra = item.get_closest_marker("exhaustive") and not item.get_closest_marker("core")
        is_out = (
            (is_extra and not wants_all)
            or not _is_for_engine(item, config.stash[TARGET])
            or (config.stash[TARGET].data.is_embedded and _needs(item, "full-set"))
        )
        (left if is_out else kept).append(item)
    items[:] = kept
    if left:
        config.hook.pytest_deselected(items=left)


def _needs(item: pytest.Item, name: str) -> bool:
    return any(name in mark.args for mark in item.iter_markers("needs"))


def _is_for_engine(item: pytest.Item, target: Target) -> bool:
    parameters = getattr(item, "callspec", None)
    name = parameters.params.get("engine_name") if parameters else None
    if name is None:
        return True
    entry = find_engine(name)
    precision = item.get_closest_marker("precision")
    if precision and entry.precision not in precision.args:
        return False
    if item.get_closest_marker("on_device") and entry.device == "cpu":
        return False
    is_given = bool(target.files_of(name))  # then nothing is built, of one export or of many
    if item.get_closest_marker("builds") and (is_given or not entry.builds_files):
        return False
    return not item.get_closest_marker("exported") or (entry.loads_onnx and not is_given)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose needs are not met, in words; fail it where the user named the need."""
    config = item.config
    names = dict.fromkeys(name for mark in item.iter_markers("needs") for name in mark.args)
    lacking = {name: reason for name in names if (reason := missing(name, config)) is not None}
    for name, other in _IMPLIED.items():  # said once: what lacks the engine lacks its input size
        if any(n.startswith(other) for n in lacking):
            lacking = {n: why for n, why in lacking.items() if not n.startswith(name)}
    for name, reason in lacking.items():
        if (demand := _demand(name, config)) is not None:
            pytest.fail(f"{demand}: {reason}", pytrace=False)
    if lacking:
        words = [f"needs {name.partition('|')[0]}: {why}" for name, why in lacking.items()]
        pytest.skip("; ".join(words))


def _demand(name: str, config: pytest.Config) -> str | None:
    """What the user said that makes a missing need a failure."""
    target = config.stash[TARGET]
    if name in option(config, "require"):
        return f"--require {name}"
    if name == "images":  # named, found, or shipped: they are there, and must be right
        return f"the images in {target.data.root}"
    if name.startswith(_ENGINE):
        engine = name.removeprefix(_ENGINE)
        if target.engines_named:
            return f"--engine {engine}"
        if _should_run(engine, config):
            return f"{engine}: its runtime is installed and needs no accelerator, yet it fails"
    if name.startswith(_SIZE) and target.engines_named and target.pipelines_named:
        return f"--engine and --pipeline {name.removeprefix(_SIZE)}"
    return None


def _should_run(engine: str, config: pytest.Config) -> bool:
    """Whether nothing is missing that would excuse an engine of the default matrix."""
    from retinaface.errors import RetinaFaceError

    entry = find_engine(engine)
    try:
        importlib.import_module(entry.factory.partition(":")[0])
    except (ImportError, RetinaFaceError):
        return False
    can_export = config.stash[TARGET].has_files or missing("torch", config) is None
    return entry.device == "cpu" and bool(can_export)


@pytest.fixture(autouse=True)
def _no_user_cache(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    """Hide the user's cache and the mirror: unit tests need no file outside the repo."""
    if "unit" not in Path(str(request.node.path)).parts:
        return
    monkeypatch = request.getfixturevalue("monkeypatch")
    monkeypatch.delenv("RETINAFACE_ASSETS", raising=False)
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
