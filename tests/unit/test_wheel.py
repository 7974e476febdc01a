"""A wheel holds the package, and suites and baselines in the layout of a checkout."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_PACKAGED = {"__pycache__", "shipped"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the content of a wheel with setuptools, as `pip wheel` does."""
    folder = tmp_path_factory.mktemp("build")
    words = ["setup.py", "--quiet", "egg_info", f"--egg-base={folder}"]
    words += ["build_py", f"--build-lib={folder / 'lib'}"]
    result = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return folder / "lib/retinaface"


def files(folder, *patterns):
    return {
        path.relative_to(folder).as_posix()
        for pattern in patterns
        for path in folder.glob(pattern)
        if path.is_file() and not NOT_PACKAGED & set(path.relative_to(folder).parts)
    }


def test_the_wheel_holds_all_of_the_package(built):
    assert files(built, "**/*") == files(ROOT / "retinaface", "**/*")


def test_the_suites_and_baselines_have_the_layout_of_a_checkout(built):
    patterns = ("pyproject.toml", "tests/validation/*.py", "baselines/*/*.*")
    expected = {name for name in files(ROOT, *patterns) if ".candidate." not in name}
    assert len(expected) > 30
    shipped = built / "shipped"
    packages = {"__init__.py", "tests/__init__.py"}
    assert files(shipped, "**/*") == expected | packages
    for name in expected:
        assert (shipped / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_a_source_distribution_holds_the_sources_of_the_wheel(built):
    sources = (built.parents[1] / "retinaface.egg-info/SOURCES.txt").read_text().splitlines()
    assert {"setup.py", "pyproject.toml"} < set(sources)
    made_of = {f"retinaface/{name}" for name in files(ROOT / "retinaface", "**/*")}
    made_of |= files(ROOT, "tests/validation/*.py", "baselines/*/*.json")
    assert {name for name in made_of if ".candidate." not in name} - set(sources) == set()


def process(folder, command, path):
    """Run Python in a folder, with the package from a path."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    result = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def ids(output):
    return [line for line in output.splitlines() if "::" in line]


def test_ids_of_tests_are_those_of_a_checkout(built, tmp_path):
    """The suites are collected from an unpacked wheel, in an empty folder."""
    words = ["--collect-only", "-q", "--quick"]
    checkout = ["-m", "pytest", "-p", "no:cacheprovider", "tests/validation", *words]
    expected = ids(process(ROOT, checkout, ROOT))
    assert len(expected) > 100
    assert expected[0].startswith("tests/validation/test_")
    found = ids(process(tmp_path, ["-m", "retinaface", "validate", *words], built.parent))
    assert found == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
def test_a_run_from_the_wheel_leaves_its_record_alone(built, tmp_path):
    words = ["tests/validation/test_placement.py", "--engine=ort-cpu-fp32", "--record=r"]
    words += ["--weights=embedded", "--widerface=embedded", "-m", "alone"]
    output = process(tmp_path, ["-m", "retinaface", "validate", *words], built.parent)
    assert output.endswith("VERDICT: PASS (embedded set)\n")
    record = json.loads((tmp_path / "r/record.json").read_text())
    (test,) = record["tests"]
    assert re.fullmatch(r"tests/validation/test_placement\.py::\w+\[ort-cpu-fp32\]", test["id"])
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
