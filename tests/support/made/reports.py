"""A report of ten runs with odd words in every text, and the screens it is looked at on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from retinaface.checks.speed.timing import summarise
from retinaface.records.find import Unavailable
from retinaface.report import write_report
from tests.support.made.records import IMAGES, N, entry, make_run

HOSTILE = "<script>document.title = 'broken'</script>\"'&|`$\\frac{"
UNBREAKABLE = "x" * 150
LONG_TEST = f"tests/validation/test_export_fidelity.py::test_a[{'torchscript-13-' * 12}]"
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
