import pytest

from retinaface.comparison.export_steps import file_stages, operator_difference
from retinaface.records.schema import ModelFile
from tests.support.made.manifests import made_manifest

STEPS = ["checkpoint", "export", "simplification", "precision"]
NAMES = [*STEPS, "file"]


def model(sha="a", weights="w", precision="fp32", opset=13, **steps):
    versions = {"torch": "2.13.0", "onnxsim": "0.6.5"}
    manifest = made_manifest(
        weights=weights, precision=precision, opset=opset, versions=versions, **steps
    )
    return made(sha, manifest)


def made(sha, manifest=None, **problem):
    return ModelFile(file="x.onnx", sha256=sha, kept=None, manifest=manifest, **problem)


def states(one, other):
    return [(stage.name, stage.state) for stage in file_stages([one, other])]


def test_one_file_has_no_stage_that_moved():
    assert states(model(), model(weights="other")) == [(name, "same") for name in NAMES]


@pytest.mark.parametrize("new", [{"sha": "b"}, {"sha": "b", "manifest_problem": "no JSON"}])
def test_a_file_without_a_manifest_of_its_own_moved_and_its_steps_are_unknown(new):
    assert states(model(), made(**new)) == [
        *((name, "unknown") for name in STEPS),
        ("file", "MOVED"),
    ]
    text = file_stages([model(), made(**new)])[-1].text
    assert text == (
        "different bytes: a -> b, and no manifest says why: edited after its export, or made "
        "elsewhere"
    )


def test_a_file_whose_manifest_says_nothing_new_was_edited():
    one, other = model("a", exported={"Conv": 56}), model("b", exported={"Conv": 56})
    assert states(one, other) == [*((name, "same") for name in STEPS), ("file", "MOVED")]
    assert "though each step before is the same: edited" in file_stages([one, other])[-1].text


def test_weights_beside_a_graph_belong_to_the_file():
    beside = {"x.onnx.data": "0" * 64}
    one, other = (
        ModelFile(file="x.onnx", sha256="a", kept=None, manifest=None, weights=weights)
        for weights in (beside, {"x.onnx.data": "1" * 64})
    )
    assert states(one, one)[-1] == ("file", "same")
    stage = file_stages([one, other])[-1]
    assert stage.state == "MOVED"
    assert f"a with x.onnx.data {'0' * 16} -> a with x.onnx.data {'1' * 16}" in stage.text


def test_engines_without_a_file_are_unknown():
    assert [state for _, state in states(None, None)] == ["unknown"] * 5
    assert file_stages([model(), None])[-1].text == "one run names no file"


def test_a_damaged_manifest_is_named():
    damaged = made("b", manifest_problem="cannot read the manifest b.json: no JSON")
    (stage, *_) = file_stages([made("a"), damaged])
    assert (stage.state, stage.text) == ("unknown", "cannot read the manifest b.json: no JSON")


def test_what_comes_after_a_moved_step_follows_it():
    one = model("a", exported={"Conv": 56, "Add": 1}, simplified={"Conv": 56})
    other = model("b", weights="v", exported={"Conv": 56, "Add": 2}, simplified={"Conv": 57})
    assert states(one, other) == [
        ("checkpoint", "MOVED"),
        ("export", "follows"),
        ("simplification", "follows"),
        ("precision", "same"),
        ("file", "follows"),
    ]


def test_a_step_that_one_side_left_out_moved():
    one = model("a", exported={"Conv": 56}, simplified={"Conv": 50})
    stages = file_stages([one, model("b", exported={"Conv": 56})])
    assert stages[2].state == "MOVED"
    assert stages[2].text == "only the old run has this step"


def test_the_versions_and_the_opset_of_a_moved_export_are_named():
    one = model("a", exported={"Conv": 56})
    other = model("b", opset=17, exported={"Conv": 55, "Pad": 1})
    text = file_stages([one, other])[1].text
    assert text == "Conv 56 -> 55, Pad 0 -> 1; opset 13 -> 17"


def test_an_export_that_no_manifest_describes_is_unknown():
    assert states(model("a"), model("b"))[1:3] == [
        ("export", "unknown"),
        ("simplification", "unknown"),
    ]


@pytest.mark.parametrize("turn", [1, -1], ids=["old", "new"])
def test_the_graph_is_unknown_from_a_manifest_of_an_older_release(turn):
    whole = model("a", exported={"Conv": 56}, simplified={"Conv": 50})
    silent = model("b")
    assert states(*[silent, whole][::turn])[1:3] == [
        ("export", "unknown"),
        ("simplification", "unknown"),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [
        ({"Conv": 2, "Relu": 1}, {"Conv": 3}, "Conv 2 -> 3, Relu 1 -> 0"),
        ({"Conv": 2}, {"Conv": 2}, "the same operators with different attributes or weights"),
    ],
)
def test_operators_that_came_and_went_are_named(ours, theirs, text):
    assert operator_difference(ours, theirs) == text
