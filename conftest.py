"""What a test may need, how its absence is found out, and the only place that skips tests."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def _import(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return f"importing {name} failed ({error})"
    return None


def _checkpoint() -> str | None:
    from retinaface.assets import CHECKPOINT, find_asset, get_asset

    if find_asset(get_asset(CHECKPOINT)) is None:
        return f"{CHECKPOINT} is neither in RETINAFACE_ASSETS nor in the cache"
    return None


def _widerface() -> str | None:
    from retinaface.errors import RetinaFaceError
    from retinaface.widerface import default_root, open_widerface

    try:
        open_widerface(default_root()).select("every-8")
    except RetinaFaceError as error:
        return str(error)
    return None


def _golden() -> str | None:
    value = os.environ.get("RETINAFACE_GOLDEN")
    if not value:
        return "RETINAFACE_GOLDEN, a folder of prediction zips made by other code, is not set"
    if not Path(value).is_dir():
        return f"RETINAFACE_GOLDEN={value} is not a folder"
    return None


def _cuda() -> str | None:
    from retinaface.engines import open_engine
    from retinaface.errors import EngineUnavailable
    from tests.support.onnx_models import tiny_model

    try:
        with open_engine("ort-cuda-fp32", model=tiny_model(), max_batch=1):
            return None
    except EngineUnavailable as error:
        return str(error)


PROBES: dict[str, Callable[[], str | None]] = {
    "torch": lambda: _import("torch"),
    "onnx": lambda: _import("onnx"),
    "onnxconverter_common": lambda: _import("onnxconverter_common"),
    "onnxsim": lambda: _import("onnxsim"),
    "onnxruntime": lambda: _import("onnxruntime"),
    "checkpoint": _checkpoint,
    "widerface": _widerface,
    "golden": _golden,
    "cuda": _cuda,
}
_found: dict[str, str | None] = {}


def missing(name: str) -> str | None:
    """What `name` lacks on this machine, or None; each probe runs once."""
    if name not in _found:
        _found[name] = PROBES[name]()
    return _found[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--require`."""
    parser.addoption(
        "--require",
        action="append",
        default=[],
        choices=sorted(PROBES),
        help="fail instead of skipping where this is missing (repeatable)",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose needs are not met, in words; fail it where `--require` names the need."""
    names = dict.fromkeys(name for mark in item.iter_markers("needs") for name in mark.args)
    lacking = {name: reason for name in names if (reason := missing(name)) is not None}
    for name in item.config.getoption("--require"):
        if name in lacking:
            pytest.fail(f"--require {name}: {lacking[name]}", pytrace=False)
    if lacking:
        pytest.skip("; ".join(f"needs {name}: {reason}" for name, reason in lacking.items()))


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
