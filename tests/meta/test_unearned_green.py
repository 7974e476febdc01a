"""What would make a run green without being right: a shorter list, looser or missing baselines."""

from __future__ import annotations

import json
import shutil

import pytest

from retinaface.baselines.entries import content_sha256
from retinaface.embedded import embedded_root
from tests.support.runs import EMBEDDED, ROOT, SUITES, pytest_run

pytestmark = [
    pytest.mark.accuracy,
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
]
AP = (
    f"{SUITES}/test_widerface_ap.py",
    "--engine=ort-cpu-fp32",
    "--pipeline=igie",
    "-k",
    "baseline",
)


def test_a_list_that_lacks_an_image_decides_nothing(tmp_path):
    copy = tmp_path / "widerface"
    shutil.copytree(embedded_root(), copy)
    listed = copy / "val/wider_val.txt"
    images = sorted((copy / "WIDER_val/images").glob("*/*.jpg"))
    images = images or sorted((copy / "val/images").glob("*/*.jpg"))
    listed.parent.mkdir(exist_ok=True)
    listed.write_text("".join(f"{p.parent.name}/{p.name}\n" for p in images[1:]))
    run = pytest_run(tmp_path / "record", *AP, "--weights=embedded", f"--widerface={copy}")
    assert (run.code, run.verdict) == (10, "INCONCLUSIVE"), run.output[-3000:]
    assert "66 of 67 images of the ground truth; 1 is missing, first " in run.reasons()


@pytest.fixture
def baseline(tmp_path):
    """Write the baseline of the embedded set, changed and sealed again."""
    (source,) = (
        path
        for path in (ROOT / "baselines/any").glob("onnxruntime-*.json")
        if json.loads(path.read_text())["entries"][0]["n_images"] == 67
    )

    def write(change):
        content = json.loads(source.read_text())
        entries = [e for e in content["entries"] if e["pipeline"] == "igie"]
        content["entries"] = entries
        path = tmp_path / "any" / "b.json"
        path.parent.mkdir()
        for entry in entries:
            shutil.copy(source.parent / entry["detections"]["file"], path.parent)
            change(entry)
        content["content_sha256"] = content_sha256(content)
        path.write_text(json.dumps(content))
        return path

    return write


def test_wider_limits_without_a_reason_decide_nothing_and_with_one_are_shown(baseline, tmp_path):
    def widen(entry):
        entry["tolerance"] |= {"ap_points": 30, "unmatched_share": 0.9}

    path = baseline(widen)
    run = pytest_run(tmp_path / "widened", *AP, *EMBEDDED, f"--baseline={path}")
    assert (run.code, run.verdict) == (10, "INCONCLUSIVE"), run.output[-3000:]
    text = (
        "limits wider than the suite's own: AP 30 points (0.6), detections without a counterpart "
        "90.000% (0.050%), "
    )
    assert f"{text}and no reason why" in run.reasons()
    content = json.loads(path.read_text())
    content["entries"][0]["reason"] = "a board of early silicon, allowed by its maker"
    content["content_sha256"] = content_sha256(content)
    path.write_text(json.dumps(content))
    run = pytest_run(tmp_path / "explained", *AP, *EMBEDDED, f"--baseline={path}")
    assert (run.code, run.verdict) == (0, "PASS"), run.output[-3000:]
    assert f"{text}because: a board of early silicon" in run.record["warnings"][0]
    assert "Warning: limits wider than the suite's own: AP 30 points (0.6)" in run.output


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda e: e["tolerance"].update(ap_points=100), 4, "tolerance/ap_points: got 100, "),
        (lambda e: e.pop("detections"), 4, "it keeps no `detections`; restore it"),
        (lambda e: e["detections"].update(file="gone.npz"), 4, "gone.npz"),
        (lambda e: e.update(reason=" " * 20), 4, "reason: got"),
        (lambda e: e["value"].update(easy=99.0), 1, "or `value` was edited in b.json"),
        (lambda e: e.update(n_images=66), 10, "n_images: baseline 66, run 67"),
    ],
    ids=["absurd", "no-detections", "detections-gone", "blank-reason", "value", "n-images"],
)
def test_a_baseline_that_is_sealed_again_is_not_believed(baseline, tmp_path, change, code, message):
    path = baseline(change)
    run = pytest_run(tmp_path / "record", *AP, *EMBEDDED, f"--baseline={path}")
    assert run.code == code, run.output[-3000:]
    assert message in run.output + (run.reasons() if run.record else "")
