import sys

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnxruntime", "onnx")


@pytest.fixture
def sessions(monkeypatch):
    """List sessions in the order of their opening."""
    from retinaface.engines.onnxruntime.runtime import ort

    opened, honest = [], ort.InferenceSession

    def watched(*arguments, **named):
        opened.append(honest(*arguments, **named))
        return opened[-1]

    monkeypatch.setattr(ort, "InferenceSession", watched)
    return opened


def open_cpu(path, **options):
    return open_engine("ort-cpu-fp32", model=path, **({"max_batch": 2} | options))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.onnx"


def test_engine_runs_the_file_and_describes_itself(path):
    write_model(path)
    with open_cpu(path, threads=1) as engine:
        images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
        outputs = engine.infer(images)
        description = engine.describe()
    np.testing.assert_allclose(outputs.loc[:, 0, 1], [0.01, 0.02], rtol=1e-6)
    assert description["placement"]["provider"] == "CPUExecutionProvider"
    assert description["placement"]["n_nodes"] > 0
    assert description["placement"]["fallback"] == []
    assert description["threads"] == 1


def test_the_session_that_runs_is_not_the_one_that_was_profiled(path, sessions):
    """A profiled one keeps half a kB of each call, long after its profile has ended."""
    write_model(path)
    with open_cpu(path) as engine:
        profiled = [one.get_session_options().enable_profiling for one in sessions]
        assert profiled == [True, False]
        assert engine._session is sessions[-1]


def test_a_file_that_does_not_state_its_precision_is_read(path):
    write_model(path, precision=None)
    with open_cpu(path):
        pass
    with pytest.raises(EngineUnavailable, match="needs an FP16 model, but"):
        open_engine("ort-cpu-fp16", model=path, max_batch=1)


def test_a_missing_file_is_named(path):
    with pytest.raises(EngineUnavailable, match=r"x\.onnx does not exist; check --model"):
        open_cpu(path)


def test_fusions_and_spinning_are_switched_off(path, sessions):
    from onnxruntime import GraphOptimizationLevel

    write_model(path)
    with open_cpu(path, options={"fusions": "off", "spinning": "off"}) as engine:
        assert engine.describe()["options"] == {"fusions": "off", "spinning": "off"}
    options = sessions[0].get_session_options()
    assert options.graph_optimization_level == GraphOptimizationLevel.ORT_DISABLE_ALL
    for pool in ("intra_op", "inter_op"):
        assert options.get_session_config_entry(f"session.{pool}.allow_spinning") == "0"


def test_idle_threads_sleep_where_others_need_the_processors(path, sessions):
    write_model(path)
    open_cpu(path, shares_cpus=True).close()
    options = sessions[-1].get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    open_cpu(path, shares_cpus=True, options={"spinning": "on"}).close()
    options = sessions[-1].get_session_options()
    with pytest.raises(RuntimeError, match="allow_spinning"):
        options.get_session_config_entry("session.intra_op.allow_spinning")


@pytest.mark.parametrize(
    ("n_cpus", "threads", "expected"),
    [
        (1, None, (1, 1)),
        (2, None, (1, 2)),
        (4, None, (1, 4)),
        (16, None, (4, 4)),
        (2, 2, (2, 1)),
        (2, 4, (4, 1)),
        (8, 2, (2, 4)),
    ],
)
def test_shared_processors_are_divided_into_calls(path, monkeypatch, n_cpus, threads, expected):
    write_model(path)
    monkeypatch.setattr("retinaface.engines.threads.n_usable_cpus", lambda: n_cpus)
    with open_cpu(path, shares_cpus=True, threads=threads) as engine:
        assert (engine.describe()["threads"], engine.parallel_calls) == expected
    with open_cpu(path, threads=threads) as engine:
        assert (engine.describe()["threads"], engine.parallel_calls) == (threads, 1)


@pytest.mark.parametrize("options", [None, {"fusions": "on", "spinning": "on"}])
def test_fusions_and_spinning_are_the_runtimes_own_by_default(path, sessions, options):
    from onnxruntime import SessionOptions

    write_model(path)
    open_cpu(path, options=options).close()
    found = sessions[0].get_session_options()
    assert found.graph_optimization_level == SessionOptions().graph_optimization_level
    with pytest.raises(RuntimeError, match="allow_spinning"):  # nothing was set
        found.get_session_config_entry("session.intra_op.allow_spinning")


@pytest.mark.parametrize("name", ["fusions", "spinning"])
def test_a_switch_is_on_or_off(path, name):
    write_model(path)
    with pytest.raises(EngineUnavailable, match=f"option {name} must be on or off, got 'no'$"):
        open_cpu(path, options={name: "no"})


@pytest.mark.parametrize(
    ("option", "step"), [("fusion", "did you mean fusions"), ("use_tf32", "leave it out$")]
)
def test_an_option_that_the_cpu_provider_would_ignore_is_refused(path, option, step):
    write_model(path)
    message = f"unknown option '{option}'; expected one of: fusions .*, spinning .*; {step}"
    with pytest.raises(EngineUnavailable, match=message):
        open_cpu(path, options={option: "1"})


def test_intermediates_need_one_more_session_with_the_same_options(path, sessions):
    write_model(path, batch=4)
    images = np.stack([np.full((3, 320, 320), v, np.float32) for v in (1.0, 2.0)])
    with open_cpu(path, max_batch=4, options={"fusions": "off"}) as engine:
        for _ in range(2):
            engine.infer_intermediates(images, ["mean", "conf", "mean"])
    assert len(sessions) == 3
    level = sessions[-1].get_session_options().graph_optimization_level
    assert level.name == "ORT_DISABLE_ALL"


def test_intermediates_in_fp16_are_given_in_float32(path, sessions):
    import onnx
    from onnx import TensorProto, helper

    write_model(path)
    model = onnx.load(path)
    graph = model.graph
    half = helper.make_node("Cast", ["mean"], ["half"], to=TensorProto.FLOAT16)
    after = [node.output[0] for node in graph.node].index("mean") + 1
    graph.node.insert(after, half)
    back = helper.make_node("Cast", ["half"], ["back"], to=TensorProto.FLOAT)
    graph.node.insert(after + 1, back)
    graph.node[after + 2].input[0] = "back"
    onnx.save(model, path)
    with open_cpu(path) as engine:
        found = engine.infer_intermediates(np.ones((1, 3, 320, 320), np.float32), ["half"])
    types = [output.type for output in sessions[-1].get_outputs()]
    assert types[3] == "tensor(float16)"
    assert found["half"].dtype == np.float32
    assert found["half"].ravel().tolist() == [1]


def test_intermediates_without_onnx_are_refused(path, monkeypatch):
    write_model(path)
    with open_cpu(path) as engine:
        monkeypatch.setitem(sys.modules, "onnx", None)
        monkeypatch.delitem(sys.modules, "retinaface.export.onnx_graph", raising=False)
        with pytest.raises(EngineUnavailable, match="need onnx, which cannot be imported"):
            engine.infer_intermediates(np.ones((1, 3, 320, 320), np.float32), ["mean"])


def test_a_fallback_is_refused_with_its_nodes(path, monkeypatch):
    from retinaface.engines.onnxruntime import cpu

    write_model(path)
    honest = cpu.placement_from_profile
    monkeypatch.setattr(cpu, "placement_from_profile", lambda profile, _: honest(profile, "NPU"))
    with pytest.raises(EngineUnavailable, match="did not run on CPUExecutionProvider: .*Mul"):
        open_cpu(path)
