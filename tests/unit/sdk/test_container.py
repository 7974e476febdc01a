"""The package installs into an environment over a vendor's container and changes none of it.

The container is a folder of stand-in distributions; they have the vendor's names and versions.
Every package that could be installed is a stand-in too, so nothing comes from an index.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.wheels import PIP, build_wheel, stand_in_wheel

pytestmark = pytest.mark.needs("onnx", "onnxruntime")
TAG = "+corex.4.2.0.20250220"
CONTAINER = {
    "numpy": "1.26.4",
    "scipy": "1.15.2",
    "opencv-python": "4.6.0.66",
    "onnxruntime-gpu": f"1.17.1{TAG}",
    "torch": f"2.7.1{TAG}",
    "igie": f"0.18.0{TAG}",
    "ixrt": f"1.0.0a0{TAG}",
    "click": "8.3.2",
    "rich": "13.7.1",
    "tqdm": "4.67.1",
}
# What an index would offer: newer ones of the container's, and what the package needs besides.
OFFERED = {
    "numpy": "2.4.6",
    "scipy": "1.17.1",
    "opencv-python-headless": "5.0.0.93",
    "onnxruntime": "1.32.0",
    "torch": "2.13.0",
    "msgspec": "0.22.0",
    "pooch": "1.9.0",
    "pytest": "9.2.0",
    "pytest-benchmark": "5.3.1",
    "hypothesis": "6.170.15",
    "threadpoolctl": "3.6.0",
}
NOT_PASSED = ("RETINAFACE_", "PYTEST", "PYTHON", "PIP_", "XDG_")
PACKAGES = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


def call(*words, code=0, **settings):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(NOT_PASSED)}
    command = [str(word) for word in words]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environ, **settings
    )
    assert result.returncode == code, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout if code == 0 else result.stderr


def state(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Container:
    """A container's packages, and an environment that sees them."""

    def __init__(self, folder: Path) -> None:
        self.site, self.offer = folder / "container/site-packages", folder / "offer"
        for place in (self.site, self.offer, folder / "wheels"):
            place.mkdir(parents=True)
        wheels = [
            stand_in_wheel(
                folder / "wheels", name, version, {f"{name.replace('-', '_')}.mark": version}
            )
            for name, version in CONTAINER.items()
        ]
        call(*PIP, "install", "--no-deps", "--no-index", "--target", self.site, *wheels)
        for name, version in OFFERED.items():
            stand_in_wheel(self.offer, name, version)
        self.python = folder / "env/bin/python"
        call(sys.executable, "-m", "venv", "--without-pip", folder / "env")
        (self.own,) = folder.glob("env/lib/python*/site-packages")
        (self.own / "system.pth").write_text(f"{self.site}\n")  # as system-site-packages does

    def install(self, *requirements):
        options = ["--no-index", "--find-links", self.offer]
        call(*PIP, "--python", self.python, "install", *options, *requirements)

    def installed(self):
        """Give what was installed beside the container, by name."""
        infos = self.own.glob("*.dist-info")
        return {path.name.partition("-")[0].replace("_", "-") for path in infos}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def container(tmp_path_factory, wheel):
    made = Container(tmp_path_factory.mktemp("sdk"))
    before = state(made.site)
    assert len(before) > 3 * len(CONTAINER)
    made.install(f"retinaface[validate] @ file://{wheel}")
    made.changed = {
        k for k in before.keys() | state(made.site) if before.get(k) != state(made.site).get(k)
    }
    made.added = made.installed()
    # From here on the modules behind the stand-ins are those of this environment.
    (made.own / "zz_modules.pth").write_text("".join(f"{path}\n" for path in PACKAGES))
    return made


def test_nothing_of_the_container_changes_and_nothing_of_it_comes_a_second_time(container):
    assert container.changed == set()
    names = {"retinaface", "msgspec", "pooch", "pytest", "pytest-benchmark", "hypothesis"}
    assert container.added == names | {"threadpoolctl"}


def test_an_extra_that_pulls_opencv_would_show(wheel, tmp_path):
    """This is what the test above would see if a base dependency pinned a distribution."""
    made = Container(tmp_path)
    made.install(f"retinaface[opencv] @ file://{wheel}")
    assert "opencv-python-headless" in made.installed()


def test_the_program_runs_there_and_records_the_vendors_versions(container, tmp_path):
    program = container.python.parent / "retinaface"
    assert call(program, "--version", cwd=tmp_path).startswith("retinaface, version ")
    code = (
        "import json\nfrom retinaface.environment import package_versions\n"
        "print(json.dumps(package_versions()))"
    )
    found = json.loads(call(container.python, "-c", code, cwd=tmp_path))
    ours = ("numpy", "opencv-python", "onnxruntime-gpu", "torch", "igie", "ixrt")
    assert {name: found[name] for name in ours} == {name: CONTAINER[name] for name in ours}


@pytest.mark.parametrize(
    ("engine", "line"),
    [("igie-iluvatar-fp16", "and tvm cannot be imported"),
     ("ixrt-iluvatar-fp16", "its module tensorrt cannot be imported")],
)  # fmt: skip
def test_a_part_of_the_sdk_that_is_missing_is_named_in_a_line(container, tmp_path, engine, line):
    words = ["evaluate", "--pipeline=igie", f"--engine={engine}"]
    error = call(container.python.parent / "retinaface", *words, code=2, cwd=tmp_path)
    assert line in error.splitlines()[-1]
    assert "tox run -e validate-ixuca" in error.splitlines()[-1]


def test_without_opencv_one_line_says_so(container, tmp_path):
    code = (
        "import sys\nfrom importlib import util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'cv2' else find(name, *a)\n"
        "from retinaface.cli import main\nmain(['evaluate'])"
    )
    error = call(container.python, "-c", code, code=2, cwd=tmp_path)
    assert error.splitlines() == [error.strip()]
    assert "OpenCV (cv2) is not installed here; install the extra 'opencv'" in error
