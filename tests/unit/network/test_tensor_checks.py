import pytest

from retinaface.errors import WeightsError

pytestmark = pytest.mark.needs("torch")


@pytest.fixture(scope="module")
def state():
    """The embedded weights, without the variance that float16 cannot hold."""
    from retinaface.network.checkpoint import load_model

    state = load_model("embedded").model.state_dict()
    return {n: t.clamp(max=60_000) if n.endswith("running_var") else t for n, t in state.items()}


@pytest.fixture
def load(state):
    import torch

    from retinaface.network.checkpoint import load_model

    def call(path, cast):
        torch.save({name: cast(tensor) for name, tensor in state.items()}, path)
        return load_model(path)

    return call


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_precisions_become_float32_with_a_word_on_what_that_costs(
    tmp_path, load, state, kind
):
    import torch

    dtype = getattr(torch, kind)
    loaded = load(tmp_path / "w.pth", lambda t: t.to(dtype) if t.is_floating_point() else t)
    (note,) = loaded.notes
    words = {
        "float16": "rounded to 11 bits when they were saved, by up to 0.05 %, and would be "
        "infinite beyond 65504",
        "bfloat16": "rounded to 8 bits when they were saved, by up to 0.4 %",
        "float64": "rounded to 24 bits",
    }[kind]
    assert note.startswith(f"w.pth: 253 of 300 tensors are {kind}, converted to float32: they ")
    assert note.endswith(words)
    found = loaded.model.state_dict()
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        saved = tensor.to(dtype) if tensor.is_floating_point() else tensor
        assert torch.equal(found[name], saved.to(tensor.dtype)), name


def test_the_stated_rounding_is_that_of_the_values(tmp_path, load, state):
    import torch

    for dtype, share in ((torch.float16, 0.0005), (torch.bfloat16, 0.004)):
        found = load(tmp_path / "w.pth", lambda t, d=dtype: t.to(d)).model.state_dict()
        # Below 6e-5, float16's normal range ends.
        errors = [
            ((found[n] - t).abs() / t.abs())[t.abs() > 6.2e-5]
            for n, t in state.items()
            if t.is_floating_point()
        ]
        assert share / 2 < torch.cat([e.flatten() for e in errors]).max() <= share


def test_counters_in_half_precision_are_read_or_zero(tmp_path, load):
    """A cast of every tensor takes the counters along, and long training is infinite there."""
    import torch

    def cast(tensor):
        return (tensor if tensor.is_floating_point() else torch.full((1,), 1e5)).half()

    loaded = load(tmp_path / "w.pth", cast)
    assert loaded.notes[0] == (
        "w.pth: 47 num_batches_tracked are missing or infinite: 0, inference uses none"
    )
    assert "300 of 300 tensors are float16" in loaded.notes[1]
    assert loaded.model.state_dict()["body.stage1.0.1.num_batches_tracked"] == 0
    short = load(tmp_path / "w.pth", lambda t: t.half() if t.dim() else torch.tensor(7.0).half())
    assert short.model.state_dict()["body.stage1.0.1.num_batches_tracked"] == 7
    assert len(short.notes) == 1


def test_values_that_were_clipped_to_half_precision_are_named(tmp_path, load, state):
    import torch

    name = "body.stage1.0.1.running_var"
    large = {id(state[name])}
    notes = load(
        tmp_path / "w.pth",
        lambda t: (t.clone().fill_(65504.0) if id(t) in large else t).to(torch.float16),
    ).notes
    assert notes[-1].startswith(f"w.pth: {name} reach 65504, the largest float16: larger values w")


def test_a_value_that_half_precision_lost_is_refused_with_the_reason(tmp_path):
    import torch

    from retinaface.network.checkpoint import load_model

    state = load_model("embedded").model.half().state_dict()
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(
        WeightsError,
        match=r"cannot use checkpoint .*w\.pth: 1 not finite: body\.stage1\.0\.1\.running_var "
        r"\(float16 ends at 65504: .* is lost; "
        "get the float32 checkpoint",
    ):
        load_model(tmp_path / "w.pth")


def test_a_float64_value_beyond_float32_is_refused(tmp_path, load):
    with pytest.raises(WeightsError, match="253 not finite"):
        load(tmp_path / "w.pth", lambda t: t.double() * 0 + 1e300 if t.is_floating_point() else t)
