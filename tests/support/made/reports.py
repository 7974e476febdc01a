"""Reports: ten runs with odd words in every text, one run of each verdict, and the screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from retinaface.checks.speed.timing import summarise
from retinaface.records.find import Unavailable
from retinaface.records.read import Run
from retinaface.report import write_report
from tests.support.made.records import ENGINE, IMAGES, N, entry, make_run

HOSTILE = "<script>document.title = 'broken'</script>\"'&|`$\\frac{"
UNBREAKABLE = "x" * 150
LONG_TEST = f"tests/validation/test_export_fidelity.py::test_a[{'torchscript-13-' * 12}]"
VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE")
SCHEMES = ("light", "dark")
WIDTHS_PX = (1280, 390)
HEIGHT_PX = 900


class Photographs:
    """Make an image for any name: a ramp, of the shape of a photograph."""

    def read_bytes(self, image: str) -> bytes:
        ramp = np.tile(np.linspace(0, 255, 640, dtype=np.uint8)[None, :, None], (420, 1, 3))
        return cv2.imencode(".jpg", ramp)[1].tobytes()


def layers(factor: float) -> list[dict[str, Any]]:
    """Make drifts of ten layers; the last overflows."""
    drift = [
        {"layer": f"stage{i}", "max_abs": factor * (i + 1), "noise_floor": 1} for i in range(9)
    ]
    return [*drift, {"layer": "last", "max_abs": "nan", "noise_floor": 1}]


def measured(factor: float, **more: Any) -> dict[str, Any]:
    """Make figures of a result that takes `factor` times as long and drifts as much."""
    speed = summarise([factor * (0.1 + 0.001 * i) for i in range(40)], 32)
    speeds = dict.fromkeys(("network", "end-to-end"), speed)
    return {"speed": speeds, "layers": layers(factor)} | more


def write_report_of_ten(folder: Path) -> Path:
    """Make ten runs: an old one, some equal to it, one that moved, odd words, and an empty one."""
    passed = [entry("s.py::kept"), entry(LONG_TEST), entry("s.py::skip", "SKIPPED", HOSTILE)]
    failed = [entry("s.py::kept"), entry(LONG_TEST, "FAIL", f"{HOSTILE}\n{UNBREAKABLE}\nend")]
    runs = [
        make_run(folder / "reference", result=measured(1.0), tests=passed),
        make_run(folder / "same", result=measured(1.0), tests=passed),
        *(make_run(folder / f"again-{i}", result=measured(1.0 + i / 10)) for i in range(5)),
        make_run(folder / "moved", shift=20.0, result=measured(1.4), tests=failed, verdict="FAIL"),
        make_run(
            folder / UNBREAKABLE,
            hits=np.arange(N) > 20,
            images=(*IMAGES[:-1], HOSTILE),
            environment={"cpu": HOSTILE, "platform": UNBREAKABLE, "cpu_flags": [UNBREAKABLE] * 3},
            command=f"{HOSTILE} {UNBREAKABLE}",
            result=measured(0.7),
        ),
        make_run(
            folder / "other", ids=("vendor-npu-fp16--ixrt--b8",), state="crashed", running="s"
        ),
    ]
    rows = [Unavailable("row", "onnxruntime", "1.17.3", "3.14", f"no wheel {UNBREAKABLE}")]
    output = folder / "report.html"
    write_report(runs, rows, output, title=f"Ten runs {HOSTILE}", dataset=Photographs())
    return output


def check_of(
    name: str, value: float, limit: float, verdict: str = "PASS", **more: Any
) -> dict[str, Any]:
    """Make a check of a record with its margin."""
    off = abs(value - more["baseline"]) if "baseline" in more else value
    numbers = {"value": value, "limit": limit, "margin": limit - off}
    return {"name": name, "verdict": verdict, "message": "", "numbers": {}} | numbers | more


def answer_of(question: str, verdict: str, *checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Make a test of a record that answers a question about an engine."""
    made = {"id": f"tests/validation/test_{question}.py::test_it[{ENGINE}]", "reason": ""}
    subject = {"question": question, "engine": ENGINE}
    return made | {"verdict": verdict, "checks": list(checks)} | subject | more


def make_scored_run(folder: Path, verdict: str) -> Run:
    """Make a run of most questions with a verdict, on the embedded set, as `validate` writes it."""
    why = f"{verdict} detections: 9 of 60 (15 %), allowed 0.05 %\nimages with most changes: event/1"
    bad = check_of("detections without a counterpart", 15.0, 0.05, "FAIL", unit="%")
    good = check_of("detections without a counterpart", 0.02, 0.05, unit="%")
    drift = check_of("drift within the run", 1.2, 1.08, "INCONCLUSIVE", unit="times x", rest=1.0)
    ap = check_of("AP hard", 76.7, 0.6, baseline=76.9, unit="points")
    failed = verdict == "FAIL"
    speed = ("INCONCLUSIVE", drift) if verdict == "INCONCLUSIVE" else ("PASS",)
    tests = [
        answer_of("export", "PASS", check_of("batch 1", 0.16, 1.0, unit="of the limit")),
        answer_of("placement", "PASS"),
        answer_of(
            "fp16", "SKIPPED", reason=f"needs engine:{ENGINE}: {ENGINE} needs cuda: no driver"
        ),
        answer_of("detections", *(("FAIL", bad) if failed else ("PASS", good)), pipeline="igie")
        | {"reason": why if failed else ""},
        answer_of("ap", "PASS", ap, pipeline="igie"),
        answer_of("speed", *speed) | {"reason": "noise hides it" if len(speed) > 1 else ""},
    ]
    changed = [
        {"kind": kind, "score": 0.9, "box_xyxy": [100.0 * i, 0, 100.0 * i + 50, 50]}
        for i, kind in enumerate(("lost", "gained"))
    ]
    images = [{"image": "event/1", "n_compared": 12, "boxes": changed}] if failed else []
    found = {"n": 9, "n_all": 60, "share": 0.15, "allowed": 0.0005, "images": images}
    target = {"engines": [ENGINE], "pipelines": ["igie"], "data": {"embedded": True}}
    figures = measured(1.0, n_images=N, n_detections=6 * N, differences=found)
    return make_run(folder, tests=tests, verdict=verdict, result=figures, target=target)
