from types import SimpleNamespace

import numpy as np
import pytest

from retinaface.checks.raw_outputs import output_errors
from retinaface.network.config import OUTPUT_NAMES
from retinaface.network.outputs import RawOutputs
from retinaface.reference.floors import FACTORS
from retinaface.reference.stored import ReferenceCase
from retinaface.suite.judged.outputs import (
    Explainer,
    agreement,
    infer_all,
    record_fidelity,
    share_moved_by_sums,
)
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import Check, Verdict, worst

FAILED = Check("outputs", Verdict.FAIL, "off by 3")


class Echo:
    """Gives back the first numbers of each image, and remembers how many came at once."""

    def __init__(self, model=None):
        self.spec = SimpleNamespace(name="echo", precision="fp32", model=model, max_batch=32)
        self.calls = []

    def infer(self, images):
        self.calls.append(len(images))
        return RawOutputs(*(images[:, :, None] * factor for factor in (1, 2, 3)))


def torch_free_case():
    """Make a case whose reference is exact and whose noise is a thousandth."""
    exact = {name: np.ones((1, 4, 2)) for name in ("loc", "conf", "landmarks")}
    rounded = {name: array + 1e-3 for name, array in exact.items()}
    return ReferenceCase("noise", np.zeros((1, 3, 8, 8), np.float32), exact, rounded, rounded)


def outputs(scores):
    """Make outputs of one 320x320 image: the first priors have these scores, no prior is moved."""
    faces = np.zeros((1, 4200), np.float32)
    faces[0, : len(scores)] = scores
    shapes = ((1, 4200, n) for n in (4, 10))
    loc, landmarks = (np.zeros(shape, np.float32) for shape in shapes)
    return RawOutputs(loc, np.stack([1 - faces, faces], axis=-1), landmarks)


def test_many_images_are_run_in_calls_that_every_engine_takes():
    engine, images = Echo(), np.arange(70.0)[:, None]
    found = infer_all(engine, images)
    assert engine.calls == [32, 32, 6]
    for array, factor in zip(found, (1, 2, 3), strict=True):
        np.testing.assert_array_equal(array[:, 0, 0], factor * images[:, 0])


@pytest.mark.parametrize(("score", "verdict"), [(0.9, Verdict.PASS), (0.0, Verdict.FAIL)])
def test_outputs_agree_by_their_detections(score, verdict):
    checks = agreement("a", outputs([0.9]), outputs([score]), "scene", "fp32")
    assert worst(check.verdict for check in checks) is verdict


def test_sums_that_are_rounded_move_a_share_that_is_predicted():
    exact, other = (dict(zip(OUTPUT_NAMES, outputs([s, 0.3]), strict=True)) for s in (0.9, 0.96))
    wide = ReferenceCase("scene", np.zeros((1, 3, 8, 8)), exact, exact, other)
    assert share_moved_by_sums(wide) == 0.0  # such a device is held to what always holds
    assert share_moved_by_sums(wide.with_sums("fp16-products", exact)) == 0.0
    # One of two detections moved, which both sides count.
    assert (
        share_moved_by_sums(wide.with_sums("fp16-products", other))
        == FACTORS["fp16-products"].rms / 2
    )


def test_errors_are_kept_under_the_engine_pipeline_and_batch():
    run, engine = ValidationRun({}, None), Echo()
    case = torch_free_case()
    for variant in ("", "dynamo-18-raw"):
        errors = output_errors(RawOutputs(*case.exact.values()), case, "fp32")
        record_fidelity(run, engine, "igie", errors, batch=3, variant=variant)
    (result,) = run.results.values()
    assert result["id"] == "echo--igie--b3"
    kept = [(one["variant"], one["kind"], one["output"]) for one in result["fidelity"]]
    assert kept == [
        (variant, "noise", output)
        for variant in ("", "dynamo-18-raw")
        for output in ("loc", "conf", "landmarks")
    ]
    assert all(one["ratio"] == 0 for one in result["fidelity"])


def test_what_passed_or_has_no_file_needs_no_explanation(tmp_path):
    explainer = Explainer(SimpleNamespace())
    passed = Check("outputs", Verdict.PASS, "")
    assert explainer.explain(passed, Echo(tmp_path / "a.onnx"), None) is passed
    assert explainer.explain(FAILED, Echo(), None) is FAILED


@pytest.mark.needs("torch", "onnx")
def test_a_file_is_explained_once_and_by_the_first_images(tmp_path, monkeypatch):
    seen = []

    def explain(model, engine, file, images, **others):
        seen.append((model, file, len(images), others["floor"]))
        return "the layer body.stage1"

    monkeypatch.setattr("retinaface.checks.layer_search.explain_drift", explain)
    images = np.zeros((32, 3, 8, 8), np.float32)
    case = ReferenceCase("scene", images, {}, {}, {}).with_sums("fp16-blocks", {})
    explainer = Explainer(SimpleNamespace(model="network"))
    engine = Echo(tmp_path / "a.onnx")
    first, second = (explainer.explain(FAILED, engine, case, precision="fp16") for _ in range(2))
    assert first.message == "the layer body.stage1\noff by 3"
    assert second.message == (
        "off by 3\nthe layer that starts it: see the failure on scene, 32 images"
    )
    assert seen == [("network", tmp_path / "a.onnx", 4, "fp16-blocks")]
