"""Two pages for a board, run as a reader pastes them, on stand-ins of the vendor's SDK."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from retinaface.assets import EMBEDDED
from retinaface.embedded import embedded_root
from tests.support.pages import named_block
from tests.support.standins.container import Container
from tests.support.standins.variants import RELAX, VARIABLE

ROOT = Path(__file__).resolve().parents[3]
FIRST_DAY = (ROOT / "docs/first-day-on-a-board.md").read_text()
COMING = (ROOT / "docs/coming-from-deepspark.md").read_text()
NAME = "igie-iluvatar-fp16"

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime", "onnxconverter_common"),
    pytest.mark.alone,
]


def test_each_block_is_run_by_a_test_or_said_not_to_be():
    names = re.findall(r"<!-- block: (.+?) -->", FIRST_DAY)
    assert names == [
        *("look", "install", "export", "build", "bench", "placement", "verdict", "accept", "next")
    ]
    assert re.findall(r"<!-- block: (.+?) -->", COMING) == [
        *("export", "build", "accuracy", "performance", "ixrt")
    ]


def test_the_installation_leaves_what_was_there_as_it_was(tmp_path):
    """Without an index: this environment's packages, as an SDK's may be, are on `PYTHONPATH`."""
    packages = os.pathsep.join(
        p for p in sys.path if p.endswith(("site-packages", "dist-packages"))
    )
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}  # pip reads the second as a "no"
    container = Container(tmp_path, PYTHONPATH=packages, **offline)
    out = container.run(named_block(FIRST_DAY, "install") + "\ncommand -v retinaface")
    *_, installed, program = out.splitlines()  # and nothing of another version between them
    assert installed.startswith("Successfully installed retinaface-")
    assert program == f"{container.checkout}/.venv/bin/retinaface"


def test_the_first_day_leads_to_an_accepted_baseline(tmp_path):
    container = Container(tmp_path)

    def run(name):
        return container.run(named_block(FIRST_DAY, name))

    assert re.search(r"Iluvatar MR-V100.*\ntvm 0\..*\ntensorrt ", run("look"), re.DOTALL)
    assert "out/retinaface.reference.npz\nout/retinaface.json" in run("export")
    file = "out/retinaface_bs_32_fp16.so"
    assert run("build").startswith(f"{file}: {NAME}, batch 32, by igie ")
    line = run("bench")
    assert line.startswith(f"{NAME}: 8304.626 images/s at batch 32 on Iluvatar MR-V100 (3.853 ms, ")
    assert "mean of 100 runs back to back; outputs of 4 calls equal exact ones" in line
    assert "VERDICT: PASS (embedded set)" in run("placement")
    accepted = " ".join(run("accept").split())
    assert re.search(r"Accepted: \S+/baselines/iluvatar-mr-v100/igie-\S+ \(1 entry\)", accepted)
    assert "VERDICT: PASS (embedded set)" in accepted
    assert "VERDICT: PASS (embedded set)" in run("next")
    assert container.run("git status --short") == ""


def test_the_first_verdict_names_what_has_no_baseline_and_fails_in_nothing_else(tmp_path):
    """By the command of the page, over one suite of each kind, for the sake of time."""
    container = Container(tmp_path)
    container.run(named_block(FIRST_DAY, "export"))
    few = " -k 'placement or test_ap_is_that or vendor_run or (session and b1)'"
    out = container.run(named_block(FIRST_DAY, "verdict") + few, code=10)
    assert "there is no speed baseline for iluvatar-mr-v100" in " ".join(out.split())
    assert "VERDICT: INCONCLUSIVE (embedded set)" in out
    assert " FAIL" not in out
    assert (container.checkout / "out/first/record.json").is_file()


@pytest.mark.parametrize("variant", ["", RELAX], ids=["relay", RELAX])
def test_the_vendors_commands_have_counterparts_with_their_file_names(tmp_path, variant):
    container = Container(tmp_path, DATASETS_DIR=str(embedded_root()), **{VARIABLE: variant})
    embedded = ROOT / f"retinaface/embedded/{EMBEDDED}.pth"
    shutil.copy(embedded, container.checkout / "mobilenet0.25_Final.pth")
    for name in ("export", "build", "accuracy", "performance"):
        out = container.run(named_block(COMING, name))
        assert {
            "export": "retinaface_opt.onnx: opset 13",
            "build": f"retinaface_bs_32_fp16.so: {NAME}, batch 32, by igie ",
            "accuracy": "WIDER FACE AP (%)",
            "performance": f"{NAME}: 8304.626 images/s at batch 32 on Iluvatar MR-V100",
        }[name] in out
    assert len(list((container.checkout / "widerface_txt").rglob("*.txt"))) >= 67
    if variant != RELAX:
        out = container.run(named_block(COMING, "ixrt"))
        assert "ixrt-iluvatar-fp16, ixrt, batch 32" in out
        assert "mean of 20 runs back to back" in out
