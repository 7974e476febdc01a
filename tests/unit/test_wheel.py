"""A wheel holds the package, and suites and baselines in the layout of a checkout."""

import os
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


COLLECT = ["--collect-only", "-q", "--quick"]


@pytest.fixture(scope="module")
def collected(built, tmp_path_factory):
    """Ids of tests where the wheel is unpacked, in a folder that holds nothing."""
    folder = tmp_path_factory.mktemp("empty")
    found = ids(process(folder, ["-m", "retinaface", "validate", *COLLECT], built.parent))
    assert len(found) > 100
    assert list(folder.iterdir()) == []
    return found


def test_ids_of_tests_are_those_of_a_checkout(collected):
    checkout = ["-m", "pytest", "-p", "no:cacheprovider", "tests/validation", *COLLECT]
    assert collected == ids(process(ROOT, checkout, ROOT))
    assert collected[0].startswith("tests/validation/test_")


def test_suites_are_left_out_by_the_paths_of_a_checkout(built, collected, tmp_path):
    suites = [f"tests/validation/test_{name}.py" for name in ("fps", "layer_drift", "placement")]
    parity = next(name for name in collected if "test_fp16_parity" in name)
    words = ["--ignore", suites[0], f"--ignore={suites[1]}", "--ignore-glob=tests/*/test_placem*"]
    words += ["--deselect", parity, "--deselect=tests/validation/test_engine_contract.py"]
    run = ["-m", "retinaface", "validate", *COLLECT, *words]
    left_out = (*suites, "tests/validation/test_engine_contract.py")
    left = [name for name in collected if not name.startswith(left_out) and name != parity]
    assert len(left) < len(collected) - 4
    assert ids(process(tmp_path, run, built.parent)) == left
