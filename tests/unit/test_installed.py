"""The wheel installed: commands and API in an empty folder, an empty home, without the checkout.

Its environment takes the other packages from this one, so that nothing heavy is installed twice.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("retinaface", "tests/validation", "baselines")
# What would lead back to the checkout, to files of this machine, or to settings of this run.
NOT_PASSED = ("RETINAFACE_", "PYTEST", "PYTHON", "XDG_", "CI", "GIT_")
PACKAGES = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
# One check of the engine, AP and its baseline, in one engine and one pipeline.
FEW = ["--engine=ort-cpu-fp32", "--pipeline=igie", "-k", "placement or test_ap_is_that"]

pytestmark = [
    pytest.mark.alone,
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
]


def call(*words, **settings):
    result = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, **settings
    )
    assert result.returncode == 0, f"{words}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of a copy of the checkout, where no build before has left anything."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    call(*pip, "wheel", *options, source)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment with the wheel alone, in which paths of this one's packages come last."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    call(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python"]
    call(*pip, folder / "bin/python", "install", "--no-deps", "--no-index", wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A path that a .pth names is searched, but what lies in it is not followed: an editable
    # install of the checkout stays out of sight.
    (packages / "others.pth").write_text("".join(f"{path}\n" for path in PACKAGES))
    return folder


@pytest.fixture(scope="module")
def run(environment, tmp_path_factory):
    """Run a program of the environment in a folder; home is empty at first."""
    home = tmp_path_factory.mktemp("home")
    settings = {k: v for k, v in os.environ.items() if not k.startswith(NOT_PASSED)}
    settings |= {"HOME": str(home), "PATH": f"{environment / 'bin'}:{os.environ['PATH']}"}

    def run(folder, program, *words):
        return call(environment / "bin" / program, *words, cwd=folder, env=settings)

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_three_lines_find_faces(environment, run, tmp_path):
    code = (
        "import sys, retinaface\n"
        "from retinaface.embedded import __file__ as embedded\n"
        "from pathlib import Path\n"
        "picture = next(Path(embedded).parent.glob('widerface/val/images/1--Group/*.jpg'))\n"
        "with retinaface.open_engine('ort-cpu-fp32', weights='embedded') as engine:\n"
        "    faces = retinaface.detect(engine, picture, score_above=0.5)\n"
        "print(retinaface.__file__, len(faces.scores), *sys.path, sep='\\n')\n"
    )
    file, n_faces, *path = run(tmp_path, "python", "-c", code).splitlines()
    assert Path(file).is_relative_to(environment)
    assert int(n_faces) > 0
    assert str(ROOT) not in path
    assert names(tmp_path) == []


def test_a_validation_has_its_suites_baselines_and_pictures(run, tmp_path):
    output = run(tmp_path, "retinaface", "validate", *FEW, "--record=r")
    assert output.endswith("VERDICT: PASS (embedded set)\n")
    record = json.loads((tmp_path / "r/record.json").read_text())
    ids = [test["id"] for test in record["tests"]]
    assert {re.sub(r"\[.*", "", name) for name in ids} == {
        "tests/validation/test_placement.py::test_an_engine_runs_where_its_name_says",
        "tests/validation/test_widerface_ap.py::test_ap_is_that_of_the_baseline",
    }
    assert record["commit"] is None
    assert names(tmp_path) == ["r"]


def test_two_evaluations_are_compared_and_reported(run, tmp_path):
    words = ["--engine=ort-cpu-fp32", "--pipeline=igie", "--limit=8"]
    for name in ("a", "b"):
        output = run(tmp_path, "retinaface", "evaluate", *words, f"--output={name}")
        assert f"record: {name}\n" in output
    compared = run(tmp_path, "retinaface", "compare", "a", "b")
    assert "PASS" in compared
    run(tmp_path, "retinaface", "report", "a", "b", "--output=x.html")
    assert "ort-cpu-fp32" in (tmp_path / "x.html").read_text()
    assert names(tmp_path) == ["a", "b", "x.html", "x.md"]
