"""Compiled PyTorch runs the whole network or fails, with any batch of one size."""

import numpy as np
import pytest

from retinaface.engines.opening import open_engine
from retinaface.errors import EngineUnavailable
from retinaface.network.scenes import synthetic_inputs

pytestmark = [
    pytest.mark.needs("torch-compile"),
    pytest.mark.filterwarnings("default"),  # parts of the compiler warn of each other
]
NAME = "torch-compile-cpu-fp32"


def refused(match, **settings):
    with pytest.raises(EngineUnavailable, match=match) as caught:
        open_engine(NAME, weights="embedded", **settings)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def graphs():
    """List the graphs that the compiler gets."""
    from torch._inductor import compile_fx as module

    given, honest = [], module.compile_fx

    def watched(graph, inputs, **settings):
        given.append(graph)
        return honest(graph, inputs, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "compile_fx", watched)
        yield given


@pytest.fixture(scope="module")
def engine(graphs):
    with open_engine(NAME, weights="embedded", max_batch=4) as engine:
        yield engine


def test_every_batch_agrees_with_eager_pytorch(engine):
    images = synthetic_inputs(4, 1)
    with open_engine("torch-cpu-fp32", weights="embedded") as eager:
        expected = eager.infer(images)
    for n in (1, 2, 3, 4):
        for ours, theirs in zip(engine.infer(images[:n]), expected, strict=True):
            np.testing.assert_allclose(ours, theirs[:n], atol=1e-3)


def test_batches_up_to_the_largest_compile_nothing_more(engine, graphs):
    before = len(graphs)
    assert before == engine.describe()["placement"]["n_graphs"]
    for n in (1, 2, 3, 4):
        engine.infer(synthetic_inputs(n, 2))
    assert len(graphs) == before


def test_the_description_counts_the_compiled_graphs(engine):
    described = engine.describe()
    assert described["placement"]["provider"] == "inductor on cpu"
    assert described["placement"]["n_graphs"] >= 2  # of one image, and of more
    assert described["placement"]["fallback"] == []


def test_it_shows_no_layers(engine):
    with pytest.raises(NotImplementedError, match="shows no intermediate tensors"):
        engine.infer_intermediates(synthetic_inputs(1, 1), ["body.stage1.0.0"])


def test_a_compiler_that_is_switched_off_is_refused(monkeypatch):
    monkeypatch.setattr("torch.compile", lambda function, **_: function)
    refused("compiled nothing and would run eagerly", max_batch=1)


def test_a_network_that_does_not_compile_as_a_whole_is_refused(monkeypatch):
    import torch

    def broken(self, images):
        torch._dynamo.graph_break()
        return (images,) * 3

    monkeypatch.setattr("retinaface.network.model.RetinaFace.forward", broken)
    refused("torch.compile of torch .* fails: ", max_batch=1)


def test_a_missing_compiler_is_named(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("No working C++ compiler found in torch._inductor.config.cpp.cxx")

    monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", fails)
    refused("No working C.* compiler found .*it needs a C.. compiler", max_batch=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"options": {"mode": "fastest"}}, "option mode is 'fastest': Unrecognized mode=fastest"),
        ({"options": {"fusions": "off"}}, "unknown option 'fusions'; expected one of: mode"),
        ({"input_size_px": None}, "built for one input size"),
    ],
)
def test_unsuitable_settings_are_refused(settings, message):
    refused(message, **settings)
