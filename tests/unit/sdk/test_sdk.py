"""A vendor's SDK in a row of the matrix: which wheels are taken, and what may not change."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import matrix.__main__ as matrix
from matrix import sdk
from matrix.rows import COMMON, MatrixError, Row, read_rows
from matrix.sdk import check_unchanged, kept, lacking, visible, wheels_of

ROWS = read_rows()
HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"
CONTAINER = {
    "numpy": "1.26.4",
    "opencv-python": "4.6.0.66",
    "onnxruntime-gpu": "1.17.1+corex.4.5.0",
    "torch": "2.10.0+corex.4.5.0",
    "click": "8.1.8",
}


@pytest.fixture
def wheels(monkeypatch, tmp_path):
    """A folder of wheels; give their names."""
    monkeypatch.setenv("IXUCA_WHEELS", str(tmp_path))

    def write(*names):
        for name in names:
            (tmp_path / name).touch()

    return write


def test_only_the_wheels_that_the_engines_need_are_taken(wheels):
    tag = f"+corex.4.5.0.20260419-{HERE}-{HERE}-linux_x86_64.whl"
    needed = [f"cuda_python-11.8.0{tag}", f"igie-0.18.2{tag}", f"ixrt-1.0.0a0{tag}"]
    wheels(*needed, f"torch-2.10.0{tag}", f"tensorflow-2.16.2{tag}", f"onnxruntime_gpu-1.17.1{tag}")
    assert [path.name for path in wheels_of(ROWS["ixuca450"])] == needed


def test_wheels_for_another_python_are_left_out_and_named_if_there_are_no_others(wheels):
    other = "igie-0.18.0+corex.4.2.0-cp27-cp27-linux_x86_64.whl"
    wheels(other)
    message = rf"no wheel for Python {sys.version_info[0]}\.{sys.version_info[1]} of igie, .* but "
    with pytest.raises(MatrixError, match=message + re.escape(other)):
        wheels_of(ROWS["ixuca420"])
    own = f"igie-0.18.0+corex.4.2.0-{HERE}-{HERE}-linux_x86_64.whl"
    wheels(own)
    assert [path.name for path in wheels_of(ROWS["ixuca420"])] == [own]


def test_a_row_that_names_no_distributions_takes_all_with_its_tag(wheels):
    wheels("acme-1.0+acme.2.1.0-py3-none-any.whl", "other-1.0+acme.2.1.0-py2.py3-none-any.whl")
    row = Row("acme210", {}, {"wheels": "IXUCA_WHEELS", "tag": "acme.2.1.0"})
    assert len(wheels_of(row)) == 2


def test_what_the_sdk_has_is_not_installed_again():
    """Either OpenCV is one, and an older one too; nothing asks for an onnxruntime or torch."""
    names = [text.partition("==")[0] for text in lacking(ROWS[COMMON].packages, CONTAINER)]
    assert "numpy" not in names
    assert not {"torch", "onnxruntime", "opencv-python-headless"} & set(names)
    assert {"scipy", "onnx"} <= set(names)


def test_all_but_our_own_packages_may_not_change():
    assert set(CONTAINER) - set(kept(CONTAINER)) == {"click"}
    check_unchanged(kept(visible()))
    with pytest.raises(MatrixError, match=r"changed packages of the SDK: numpy 0\.1 -> "):
        check_unchanged({"numpy": "0.1"})


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The row of the installed SDK with its exported files; record the calls of pip."""
    for name in ("retinaface", "retinaface.fp16", "dynamic", "dynamic.fp16"):
        (tmp_path / "exports/export").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"exports/export/{name}.onnx").touch()
    monkeypatch.delenv("RETINAFACE_ENGINE", raising=False)
    calls = []

    def run(command, **_):
        command = [str(part) for part in command]
        if "--constraint" in command:
            place = command.index("--constraint") + 1
            command[place] = Path(command[place]).read_text()
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(matrix.subprocess, "run", run)
    return tmp_path, calls


def test_the_installed_sdk_is_validated_with_its_packages_as_constraints(installed, monkeypatch):
    folder, calls = installed
    monkeypatch.setattr(sdk, "find_spec", lambda name: name == "tvm" or None)
    assert matrix.main(["--folder", str(folder), "validate-ixuca"]) == 0
    install, validate = calls
    (constraints,) = [part for part in install if "\n" in part]
    assert f"numpy=={visible()['numpy']}\n" in constraints
    assert "pytest==" not in constraints
    assert not [part for part in install if part.startswith(("numpy", "opencv", "onnxruntime"))]
    assert f"{matrix.ROOT}[validate]" in install
    assert "--engine=igie-iluvatar-fp16" in validate


def test_without_an_sdk_in_sight_nothing_is_installed(installed, monkeypatch, capsys):
    folder, calls = installed
    monkeypatch.setattr(sdk, "find_spec", lambda _: None)
    assert matrix.main(["--folder", str(folder), "validate-ixuca"]) == 2
    message = capsys.readouterr().err
    assert "has none of tvm, tensorrt, ixrt; start tox with the Python that has the SDK" in message
    assert len(message.splitlines()) == 1
    assert calls == []
