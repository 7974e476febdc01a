import re
from pathlib import Path

import pytest

from retinaface.errors import WeightsError

pytestmark = pytest.mark.needs("torch")
PATH = Path("runs/w.pth")


@pytest.fixture(scope="module")
def state():
    from retinaface.network.checkpoint import load_model

    return dict(load_model("embedded").model.state_dict())


@pytest.fixture
def fit(state):
    """Fit content to the network, check the tensors, and return the notes."""
    import torch

    from retinaface.network.checkpoint_forms import fit_tensors

    def call(content):
        found = fit_tensors(content, state, PATH)
        assert found.tensors.keys() == state.keys()
        for name, tensor in found.tensors.items():
            if not name.endswith("num_batches_tracked"):
                assert torch.equal(tensor, state[name]), name
        assert all(note.startswith("w.pth: ") and "\n" not in note for note in found.notes)
        return [note.removeprefix("w.pth: ") for note in found.notes]

    return call


@pytest.fixture
def refuse(state):
    from retinaface.network.checkpoint_forms import fit_tensors

    def call(content, match):
        with pytest.raises(WeightsError, match=match) as caught:
            fit_tensors(content, state, PATH)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return call


def prefixed(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def test_plain_tensors_get_no_note(fit, state):
    assert fit(state) == []


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "_orig_mod.", "module._orig_mod.", "net.", "a.b.c."]
)
def test_one_common_prefix_of_any_name_is_removed(fit, state, prefix):
    assert fit(prefixed(prefix, state)) == [f"removed the prefix {prefix!r} from 300 names"]


@pytest.mark.parametrize(
    "key", ["state_dict", "model", "model_state_dict", "net", "weights", "ema", "params", "any"]
)
def test_one_mapping_under_any_key_is_read(fit, state, key):
    import torch

    optimizer = {"state": {0: {"step": torch.zeros(())}}, "param_groups": [{"lr": 0.1}]}
    content = {"epoch": 3, "optimizer": optimizer, key: state, "best": 0.5}
    assert fit(content) == [
        f"read the tensors under the key {key!r}",
        "left out what stands beside them: epoch, optimizer, best",
    ]


def test_keys_and_a_prefix_may_be_nested(fit, state):
    assert fit({"ema": {"module": prefixed("module.", state), "updates": 9}, "epoch": 1}) == [
        "read the tensors under the key 'ema/module'",
        "removed the prefix 'module.' from 300 names",
        "left out what stands beside them: epoch",
    ]


def test_what_is_no_tensor_or_not_under_the_prefix_is_left_out(fit, state):
    import torch

    content = {**prefixed("model.", state), "criterion.priors": torch.zeros(4), "epoch": 1}
    assert fit(content) == [
        "removed the prefix 'model.' from 300 names",
        "left out what stands beside them: epoch, criterion.priors",
    ]


def test_one_set_under_two_keys_is_read_once(fit, state):
    assert fit({"model": state, "ema": dict(state)}) == [
        "read the tensors under the key 'model'",
        "the same tensors also stand under the key 'ema'",
    ]


def test_different_sets_that_fit_are_an_error_with_the_line_that_chooses(refuse, state):
    import torch

    other = {
        name: tensor * 0.5 if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }
    message = refuse(
        {"model": state, "ema": {"module": other}},
        r"cannot choose in checkpoint runs/w\.pth: 2 different sets of tensors fit, under the key "
        r"'model'; the key 'ema/module'; write the one that you mean into a file of its own: ",
    )
    assert message.endswith("c = torch.load('runs/w.pth'); torch.save(c['model'], 'weights.pth')")
    message = refuse(
        {**prefixed("model.", state), **prefixed("ema.", other)},
        "the prefix 'model.'; the prefix 'ema.'",
    )
    # The line that the message gives makes a file that is read.
    expression = re.search(r"torch\.save\((.+), 'weights\.pth'\)", message)[1]
    chosen = eval(expression, {"c": {**prefixed("model.", state), **prefixed("ema.", other)}})  # noqa: S307 - as the reader would run it
    assert len(chosen) == 300
    assert torch.equal(chosen["model.body.stage1.0.0.weight"], state["body.stage1.0.0.weight"])


def test_names_under_two_prefixes_are_told_apart(refuse, state):
    first, *_ = state
    content = prefixed("module.", state)
    content[first] = content.pop(f"module.{first}")
    refuse(content, rf"1 missing: {first}; 1 under another prefix: {first}$")


def test_missing_counters_are_zero_and_those_of_a_profiler_are_left_out(fit, state):
    import torch

    content = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    content |= {"body.total_ops": torch.zeros(1), "ssh1.9.num_batches_tracked": torch.tensor(3)}
    assert fit(content) == [
        "47 num_batches_tracked are missing or infinite: 0, inference uses none",
        "left out 2 that hold no weights: body.total_ops, ssh1.9.num_batches_tracked",
    ]


def test_of_several_mappings_that_do_not_fit_the_nearest_is_described(refuse, state):
    import torch

    near = dict(state)
    del near["fpn.merge1.0.weight"]
    content = {"loss": {"weight": torch.zeros(2)}, "model": prefixed("module.", near)}
    refuse(content, r"is not of this architecture .*: 1 missing: fpn\.merge1\.0\.weight$")


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ([1], "got list; save it with"),
        ({}, "got an empty mapping; save it"),
        ({"epoch": 3, "model": {}}, r"got a mapping without tensors \(keys: epoch, model\)"),
    ],
)
def test_content_without_tensors_is_described(refuse, content, got):
    refuse(content, rf"expected a mapping of names to tensors, {got}")


def test_a_mapping_that_holds_itself_ends(fit, state):
    content = {"state_dict": state}
    content["self"] = content
    assert fit(content)[0] == "read the tensors under the key 'state_dict'"


def test_a_mapping_that_stands_in_another_a_thousand_times_is_read_once(refuse):
    content = {}
    for _ in range(4):
        content = {str(i): content for i in range(1000)}
    refuse(content, "a mapping without tensors")


def test_names_without_end_are_read_and_not_shown(refuse, state):
    name, tensor = next(iter(state.items()))
    said = refuse(state | {"a." * 500_000: tensor}, r"1 extra: a\.a\.")
    assert len(said) < 1000
    refuse({f"{i}.{name}": tensor for i in range(20_001)}, "at most 20000 are compared")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_which_has_no_shape_is_left_out(refuse, state):
    import torch

    name = next(iter(state))
    nested = torch.nested.nested_tensor([torch.zeros(3), torch.zeros(2)], layout=torch.strided)
    refuse(state | {name: nested}, f"1 missing: {name}")
