"""Device memory on the CPU, where ONNX Runtime offers the same calls; not tested on CUDA."""

import ctypes
import gc
import weakref

import numpy as np
import pytest

from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnxruntime", "onnx")


@pytest.fixture
def device_io():
    from retinaface.engines.onnxruntime import device_memory

    return device_memory


@pytest.fixture
def session(tmp_path):
    import onnxruntime as ort

    write_model(tmp_path / "x.onnx", size=("h", "w"))
    return ort.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])


def open_io(session, **changes):
    from retinaface.engines.onnxruntime.device_memory import DeviceIO

    return DeviceIO(session, "cpu", np.float32, [np.float32] * 3, **{"use_graphs": False} | changes)


def images(n, value=1.0):
    return np.full((n, 3, 320, 320), value, dtype=np.float32)


@pytest.mark.parametrize("use_graphs", [False, True])
def test_outputs_agree_with_a_plain_run_for_every_batch(session, use_graphs):
    io = open_io(session, use_graphs=use_graphs)
    for n, value in ((1, 1.0), (3, 2.0), (1, 5.0), (3, -1.0), (2, 0.5)):
        expected = session.run(None, {"input": images(n, value)})
        for ours, theirs in zip(io.run(images(n, value)), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_loaded_batch_can_run_several_times_before_the_fetch(session):
    io = open_io(session)
    io.load(images(2, 3.0))
    for _ in range(3):
        io.execute()
    expected = session.run(None, {"input": images(2, 3.0)})
    for _ in range(2):
        for ours, theirs in zip(io.fetch(), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


class Watched:
    """A session that records bindings, runs and waits."""

    def __init__(self, session):
        self._session, self.calls, self.graph_ids = session, [], []
        self.bindings = weakref.WeakSet()
        self.n_bindings = 0

    def io_binding(self):
        binding = Binding(self._session.io_binding(), self.calls)
        self.bindings.add(binding)
        self.n_bindings += 1
        return binding

    def run_with_iobinding(self, binding, options):
        assert binding in self.bindings
        self.calls.append("run")
        self.graph_ids.append(options.get_run_config_entry("gpu_graph_id"))
        self._session.run_with_iobinding(binding.honest, options)


class Binding:
    def __init__(self, honest, calls):
        self.honest, self._calls = honest, calls

    def __getattr__(self, name):
        return getattr(self.honest, name)

    def synchronize_outputs(self):
        self._calls.append("wait")
        self.honest.synchronize_outputs()


def test_a_run_waits_for_the_device(session):
    """Otherwise `execute` could be timed before the device is done."""
    watched = Watched(session)
    io = open_io(watched)
    io.load(images(1))
    assert watched.calls == []
    io.execute()
    assert watched.calls == ["run", "wait"]


@pytest.mark.parametrize("step", ["execute", "fetch"])
def test_nothing_runs_before_a_batch_is_loaded(session, step):
    with pytest.raises(ValueError, match="no batch was loaded; load one first"):
        getattr(open_io(session), step)()


def test_no_later_call_changes_returned_outputs(session):
    io = open_io(session)
    first = io.run(images(2, 1.0))
    kept = [output.copy() for output in first]
    io.run(images(2, 7.0))
    for output, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(output, copy)


def test_the_memory_of_a_shape_is_made_once_and_that_of_many_shapes_is_bounded(session, device_io):
    watched = Watched(session)
    io = open_io(watched)
    n_shapes = device_io.MAX_SHAPES + 3
    for n in range(1, n_shapes + 1):
        io.run(images(n))
        io.run(images(n))
    assert watched.n_bindings == n_shapes
    gc.collect()
    assert len(watched.bindings) == device_io.MAX_SHAPES
    io.run(images(n_shapes))
    assert watched.n_bindings == n_shapes
    io.run(images(1))  # the first shape is gone
    assert watched.n_bindings == n_shapes + 1
    io.close()
    gc.collect()
    assert not watched.bindings


def test_each_shape_has_a_graph_of_its_own_and_none_without_graphs(session, device_io):
    ids = []
    for use_graphs in (True, False):
        watched = Watched(session)
        io = open_io(watched, use_graphs=use_graphs)
        for n in (1, 2, 1):
            io.run(images(n))
        ids.append(watched.graph_ids)
    assert ids == [["1", "2", "1"], ["-1", "-1", "-1"]]
    assert device_io.run_options(None).get_run_config_entry("gpu_graph_id") == "-1"


def test_the_description_shows_how_memory_is_used(session, device_io, monkeypatch):
    io = open_io(session, use_graphs=True)
    assert io.describe() == {"host_memory": "none yet", "cuda_graphs": "on"}
    monkeypatch.setattr(device_io, "cuda_runtime", lambda: None)
    io.run(images(1))
    assert io.describe()["host_memory"].startswith("pageable (none of libcudart.so.13")


class Runtime:
    """Stands in for the CUDA runtime library, and records what is registered."""

    def __init__(self, code=0):
        self.code, self.registered = code, {}

    def cudaHostRegister(self, address, n_bytes, flags):  # noqa: N802 - the library's name
        if self.code == 0:
            self.registered[address.value] = (n_bytes.value, flags)
        return self.code

    def cudaHostUnregister(self, address):  # noqa: N802
        del self.registered[address.value]
        return 0


def test_pinned_memory_is_registered_whole_and_released_with_its_array(device_io, monkeypatch):
    runtime = Runtime()
    monkeypatch.setattr(device_io, "cuda_runtime", lambda: runtime)
    array = np.zeros((2, 3, 8, 8), np.float16)
    assert device_io.pin(array) is None
    assert runtime.registered == {array.ctypes.data: (array.nbytes, 0)}
    del array
    gc.collect()
    assert runtime.registered == {}


def test_memory_that_cannot_be_pinned_gives_the_reason(device_io, monkeypatch):
    monkeypatch.setattr(device_io, "cuda_runtime", lambda: Runtime(code=2))
    assert device_io.pin(np.zeros(4, np.float32)) == "cudaHostRegister gave error 2"
    monkeypatch.undo()
    monkeypatch.setattr(device_io.ctypes, "CDLL", _no_library)
    assert "libcudart.so.12" in device_io.pin(np.zeros(4, np.float32))


def _no_library(name):
    raise OSError(f"{name}: cannot open shared object file")


def test_the_cuda_runtime_is_looked_for_by_version(device_io, monkeypatch):
    asked = []

    def load(name):
        asked.append(name)
        if name != "libcudart.so.12":
            raise OSError(name)
        return ctypes.pythonapi

    monkeypatch.setattr(device_io.ctypes, "CDLL", load)
    assert device_io.cuda_runtime() is ctypes.pythonapi
    assert asked == ["libcudart.so.13", "libcudart.so.12"]
