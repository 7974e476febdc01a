"""The tutorial, run as a reader pastes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import named_block

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/tutorial.md").read_text()

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
    pytest.mark.alone,
]


@pytest.fixture
def paste(tmp_path):
    """Return a function that runs a block in an empty folder, and returns what it printed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # The commands of the page name no data: without any, the embedded set is judged.
    ours = [name for name in os.environ if name.startswith("RETINAFACE_")]
    environ = {k: v for k, v in os.environ.items() if k not in ours}
    environ |= {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "home")}

    def run(block: str, code: int) -> str:
        result = subprocess.run(
            ["/bin/bash", "-c", block],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == code, result.stdout + result.stderr
        return " ".join(result.stdout.split())

    return run


def test_the_broken_engine_fails_as_the_page_shows(tmp_path, paste):
    """The first run is narrowed to the suite that the page looks at, for the sake of time."""
    out = paste(named_block(PAGE, "first") + " --pipeline igie -k widerface_ap", code=0)
    assert out.endswith("VERDICT: PASS (embedded set)")
    (tmp_path / "broken.py").write_text(named_block(PAGE, "broken"))
    out = paste(named_block(PAGE, "second"), code=1)
    assert "boxes of 32 px and more lie 0.447 px to the right" in out
    assert "AP easy: 82.31, baseline 82.87: -0.559 points" in out
    assert re.search(r"INCONCLUSIVE \S+test_ap_is_that_of_the_baseline", out)
    assert out.endswith("VERDICT: FAIL (embedded set)")
    compare, report = named_block(PAGE, "third").splitlines()
    assert "VERDICT: FAIL" in paste(compare, code=1)
    paste(report, code=0)
    assert (tmp_path / "broken.html").is_file()
