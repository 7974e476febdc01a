"""Outputs, refusals and builds of IREE's engines."""

import platform

import numpy as np
import pytest

from retinaface.children.start import run
from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from tests.support.engines import noise, outputs_of

pytestmark = pytest.mark.needs("iree", "onnx", "onnxruntime")
NAME = "iree-cpu-fp32"


def refused(match, name=NAME, **settings):
    with pytest.raises(EngineUnavailable, match=match) as caught:
        open_engine(name, **settings)
    assert "\n" not in str(caught.value)


def test_outputs_are_those_of_the_file_for_any_batch(made):
    source, module = made()
    with open_engine(NAME, engine_file=module) as engine:
        assert engine.fixed_batch is None
        for n in (1, 3, 5):
            expected = outputs_of(source, noise(n))
            for ours, theirs in zip(engine.infer(noise(n)), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_outputs_belong_to_the_caller(made):
    with open_engine(NAME, engine_file=made()[1]) as engine:
        first = engine.infer(noise(2))
        kept = [output.copy() for output in first]
        engine.infer(noise(2) + 1)
    for output, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(output, before)


def test_an_fp16_file_runs_under_the_name_of_its_precision(made):
    source, module = made("fp16")
    with open_engine("iree-cpu-fp16", engine_file=module) as engine:
        found = engine.infer(noise(2)).loc
        described = engine.describe()
    assert described["precision"] == "fp16"
    np.testing.assert_allclose(found, outputs_of(source, noise(2))[0], rtol=2e-3, atol=2e-3)


def test_the_description_says_where_and_on_how_many_threads(made):
    source, _ = made()
    with open_engine(NAME, model=source) as engine:
        described = engine.describe()
    assert described["runtime"].startswith("iree 3.")
    assert described["target_cpu"] == "host"
    assert described["placement"]["provider"] == "iree local-task (CPU)"
    assert described["placement"]["fallback"] == []
    assert described["threads"] >= 1
    assert len(described["engine_file_sha256"]) == 64


@pytest.mark.usefixtures("own_cache")
def test_a_module_is_compiled_once_and_once_more_for_another_build(made, tmp_path):
    files = []
    for build in (1, 1, 2):
        with open_engine(NAME, model=made()[0], build=build) as engine:
            files.append(engine.built_file)
    assert files[0] == files[1] != files[2]
    assert len(list((tmp_path / "cache" / "builds" / NAME).glob("*.vmfb"))) == 2


def test_a_file_that_is_no_module_is_refused(tmp_path):
    (tmp_path / "no.vmfb").write_bytes(b"no module" * 100)
    refused("cannot load .*no.vmfb with iree", engine_file=tmp_path / "no.vmfb")


def test_an_unknown_processor_is_refused(made):
    message = "IREE cannot compile .* for frob: .*[Uu]nknown .*; check the option target_cpu"
    refused(message, model=made()[0], options={"target_cpu": "frob"})


def test_a_module_for_another_processor_is_refused_and_ends_no_process(made, monkeypatch):
    """The instruction that this processor lacks ends the child, not this process."""
    other = {"target_cpu": "x86-64-v2"}
    if platform.machine() != "x86_64":
        other = {"target_cpu": "generic"}
    open_engine(NAME, model=made()[0], options=other).close()  # compiled, and tried for real

    def ended_by_sigill(words, **settings):
        return run(["sh", "-c", "kill -ILL $$"], **settings)

    monkeypatch.setattr("retinaface.engines.iree.engine.run", ended_by_sigill)
    message = "ends its process by SIGILL: it was compiled for another pro"
    refused(message, engine_file=made()[1])
    refused(message, model=made()[0], options=other)


def test_a_file_of_another_precision_is_refused(made):
    refused("needs an FP16 model, but the weights", "iree-cpu-fp16", model=made()[0])


@pytest.mark.usefixtures("own_cache")
def test_a_file_of_a_fixed_batch_takes_that_alone(tmp_path):
    from retinaface.export.tiny_model import write_model

    write_model(tmp_path / "x.onnx", batch=4)
    with open_engine(NAME, model=tmp_path / "x.onnx", max_batch=4) as engine:
        assert engine.fixed_batch == 4
        assert len(engine.infer(noise(3)).loc) == 3
