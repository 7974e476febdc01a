"""An engine in a worker process: the contract holds, and every way of breaking it has its words."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from retinaface.engines.base import EngineSpec
from retinaface.engines.remote.engine import RemoteEngine, open_remote_engine
from retinaface.engines.remote.pipes import WORKER
from retinaface.errors import EngineFault, EngineUnavailable

ROOT = Path(__file__).resolve().parents[4]
ENGINES = "tests.support.given.remote_engines"
IMAGES = np.random.default_rng(0).standard_normal((3, 3, 64, 64)).astype(np.float32)


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


def opened(factory, python=sys.executable, call_timeout_s=60.0, **options):
    spec = EngineSpec(factory, "fp32", "cpu", height_px=64, width_px=64, options=options)
    return RemoteEngine(spec, f"{ENGINES}:{factory}", Path(python), call_timeout_s=call_timeout_s)


def test_outputs_come_from_another_process_and_are_owned_by_the_caller():
    with opened("plain_cpu_fp32") as engine:
        first = engine.infer(IMAGES)
        assert engine.last_infer_s > 0
        kept = first.loc.copy()
        second = engine.infer(IMAGES * 2)
        np.testing.assert_array_equal(first.loc, kept)
        np.testing.assert_allclose(second.loc, 2 * kept, rtol=1e-5)
        assert first.scores.shape == (3, 168, 2)
        about = engine.describe()
        assert about["runtime"] == "plain 1.0"
        assert engine.pid != os.getpid()
        assert about["python"] == engine.environment["python"] == sys.version.split()[0]
        assert "numpy" in engine.environment["packages"]
        shown = engine.infer_intermediates(IMAGES, ["one", "two"])
        assert list(shown) == ["one", "two"]
        np.testing.assert_allclose(shown["one"], IMAGES.sum(axis=(2, 3)), rtol=1e-4)


def test_the_process_ends_with_the_engine():
    with opened("plain_cpu_fp32") as engine:
        pid = engine.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ValueError, match="infer after close"):
        engine.infer(IMAGES)
    engine.close()


def test_bad_input_is_refused_before_it_is_sent():
    with opened("plain_cpu_fp32") as engine:
        with pytest.raises(TypeError, match="float64"):
            engine.infer(IMAGES.astype(np.float64))
        assert engine.infer(IMAGES).loc.shape == (3, 168, 4)


def test_an_option_that_the_engine_does_not_declare_is_refused_there():
    with pytest.raises(
        EngineUnavailable, match=r"unknown option 'mss'; .*; did you mean ms\? \(in"
    ):
        opened("plain_cpu_fp32", mss="5")


def test_what_a_runtime_prints_does_not_reach_the_pipe():
    with opened("misbehaves_cpu_fp32", how="prints") as engine:
        for _ in range(3):
            assert engine.infer(IMAGES).loc.shape == (3, 168, 4)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("crashes", "the worker process ended by SIGSEGV during infer"),
        (
            "writes garbage",
            "broke the protocol during infer: it sent something that is not a message",
        ),
        ("hangs", "gave no answer to infer within 1 s and was ended"),
        ("faults", "device lost"),
        ("raises", "inference of 3 images failed: KeyError: 'kernel'"),
    ],
    ids=["crashes", "garbage", "hangs", "faults", "raises"],
)
def test_a_broken_call_is_a_fault_that_says_what_happened(how, words):
    timeout = 1.0 if how == "hangs" else 60.0
    with opened("misbehaves_cpu_fp32", call_timeout_s=timeout, how=how) as engine:
        pid = engine.pid
        started = time.monotonic()
        with pytest.raises(EngineFault) as caught:
            engine.infer(IMAGES)
        assert words in str(caught.value)
        assert sys.executable in str(caught.value)
        assert time.monotonic() - started < 30
        if how in ("crashes", "hangs", "writes garbage"):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("unavailable_cpu_fp32", "unavailable_cpu_fp32 needs a licence"),
        (
            "dies_building_cpu_fp32",
            "ended with exit code 7 during open; its last line was: cannot map device memory",
        ),
        ("nowhere", "cannot import tests.support.given.remote_engines:nowhere"),
    ],
    ids=["unavailable", "dies", "unknown"],
)
def test_an_engine_that_cannot_be_built_there_is_unavailable(factory, words):
    with pytest.raises(EngineUnavailable) as caught:
        opened(factory)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no such licence >&2; exit 3", "ended with exit code 3 during the start"),
        ("echo hello >&$3; cat >/dev/null <&$2", "it sent something that is not a message"),
        ("exit 0", "ended with exit code 0 during the start; it printed nothing"),
    ],
    ids=["exits", "garbage", "silent"],
)
def test_an_interpreter_that_is_none_is_unavailable(tmp_path, script, words):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/bash\n{script}\n")
    python.chmod(0o755)
    with pytest.raises(EngineUnavailable) as caught:
        opened("plain_cpu_fp32", python=python)
    assert words in str(caught.value)


def test_what_is_no_environment_is_named_with_the_next_step(tmp_path):
    for place in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(EngineUnavailable, match=r"neither a Python interpreter .* such as"):
            opened("plain_cpu_fp32", python=place)
    file = tmp_path / "python"
    file.write_text("not a program")
    with pytest.raises(EngineUnavailable, match="cannot start"):
        opened("plain_cpu_fp32", python=file)


def test_an_environment_may_be_named_by_its_folder():
    with opened("plain_cpu_fp32", python=Path(sys.prefix)) as engine:
        assert engine.infer(IMAGES).loc.shape == (3, 168, 4)


def test_no_file_descriptor_and_no_process_stays_behind():
    def open_files():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    for factory in ("plain_cpu_fp32", "unavailable_cpu_fp32", "dies_building_cpu_fp32"):
        with contextlib.suppress(EngineUnavailable):
            opened(factory).close()
    assert open_files() == before


def test_a_worker_needs_numpy_and_the_runtime_alone():
    """Everything else that is installed here is hidden from it."""
    hidden = "click cv2 scipy msgspec pooch rich tqdm torch onnx pytest"
    code = (
        "import importlib.abc, runpy, sys\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name.partition('.')[0] in {hidden.split()!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
        f"runpy.run_path({str(WORKER)!r})['use_this_package']()\n"
        "import retinaface.engines.onnxruntime.cpu, retinaface.engines.remote.frames\n"
        "import retinaface.engines.opening\n"
        "import retinaface.environment\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_folder_of_the_worker_hides_no_package(tmp_path, monkeypatch):
    """Python puts the folder of a script first on its path, before an installed onnxruntime."""
    from retinaface.export.tiny_model import tiny_model

    package = tmp_path / "retinaface"
    shutil.copytree(WORKER.parents[2], package)
    worker = package / WORKER.relative_to(WORKER.parents[2])
    worker.with_name("onnxruntime.py").write_text("raise ImportError('hidden')")
    monkeypatch.setattr("retinaface.engines.remote.pipes.WORKER", worker)
    with open_remote_engine(Path(sys.executable), "ort-cpu-fp32", model=tiny_model()) as engine:
        assert engine.describe()["runtime"].startswith("onnxruntime ")


def test_an_answer_with_another_field_is_a_fault_that_names_it(tmp_path, monkeypatch):
    """As from a worker of another release."""
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from retinaface.engines.remote import worker\n"
        "honest = worker.Worker.answer\n"
        "def answer(self, request, arrays):\n"
        "    header, found = honest(self, request, arrays)\n"
        "    return {{'seconds': 'took_s'}.get(k, k): v for k, v in header.items()}, found\n"
        "worker.Worker.answer = answer\n"
        "sys.exit(worker.main(*map(int, sys.argv[1:])))\n"
    )
    monkeypatch.setattr("retinaface.engines.remote.pipes.WORKER", worker)
    with opened("plain_cpu_fp32") as engine:
        words = "broke the protocol during infer: it sent an answer that is not right: .*`took_s`"
        with pytest.raises(EngineFault, match=words):
            engine.infer(IMAGES)
