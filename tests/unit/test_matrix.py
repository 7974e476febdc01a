"""The matrix of SDK versions: its table, tox.ini, and rows that cannot run."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import matrix.__main__ as matrix
from matrix.rows import COMMON, Row, find_row, read_rows, runtime_packages
from retinaface.engines.catalogue import BUILTIN
from retinaface.records.find import find_runs

ROOT = Path(__file__).resolve().parents[2]
ROWS = read_rows()
ORT = {"onnxruntime", "onnxruntime-gpu"}
TENSORRT = {"tensorrt-cu13", "cuda-bindings"}


def environments():
    """List the matrix environments of tox.ini, with braces expanded."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string((ROOT / "tox.ini").read_text())
    names = []
    for section in tox.sections():
        name = section.removeprefix("testenv:")
        if not name.startswith(("export", "validate-", "compare")):
            continue
        head, _, choices = name.partition("{")
        names += [head + choice for choice in choices.rstrip("}").split(",")] if choices else [name]
    return names


def test_every_environment_has_a_row_and_every_row_an_environment():
    rows = {re.sub("^(validate|export)-", "", name) for name in environments()}
    assert rows == set(ROWS) - {COMMON}


@pytest.mark.parametrize("name", [name for name in ROWS if name not in (COMMON, "compare")])
def test_rows_of_one_comparison_differ_in_the_named_package_alone(name):
    row = ROWS[name]
    packages = runtime_packages(row, ROWS)
    assert "torch" not in packages
    assert {k: packages[k] for k in ROWS[COMMON].packages} == dict(ROWS[COMMON].packages)
    runtimes = set(packages) - set(ROWS[COMMON].packages)
    if "wheels" not in row.settings:
        assert len(runtimes & ORT) == 1  # onnxruntime or onnxruntime-gpu, never both
        assert runtimes - ORT == (TENSORRT if name == "tensorrt" else set())


def test_exports_all_have_the_same_torch():
    assert {row.packages["torch"] for row in ROWS.values() if row.is_export} == {"2.13.0"}


def test_an_unknown_row_names_the_known_ones():
    with pytest.raises(matrix.MatrixError, match=r"no row 'ort99'; expected one of: ort117, "):
        find_row("ort99", ROWS)


@pytest.fixture
def exported(tmp_path):
    folder = tmp_path / "exports" / "export"
    folder.mkdir(parents=True)
    for name in ("retinaface", "retinaface.fp16", "dynamic", "dynamic.fp16"):
        (folder / f"{name}.onnx").touch()
    return tmp_path


@pytest.fixture
def pip(monkeypatch):
    """Replace pip and retinaface; record their calls and give their answers."""
    calls = []
    answers = {"code": 0, "stderr": ""}

    def run(command, **_):
        calls.append([str(part) for part in command])
        code = answers["code"] if "pip" in command else 0
        return subprocess.CompletedProcess(command, code, "", answers["stderr"])

    monkeypatch.setattr(matrix.subprocess, "run", run)
    return calls, answers


def test_a_row_installs_its_version_and_validates_the_exported_files(exported, pip):
    calls, _ = pip
    assert matrix.main(["--folder", str(exported), "validate-ort118", "-q"]) == 0
    install, validate = calls
    assert {"onnxruntime==1.18.1", "numpy==1.26.4"} < set(install)
    assert validate[3] == "validate"
    assert f"--record={exported}/runs/validate-ort118" in validate
    assert [part for part in validate if part.startswith("--model=")] == [
        f"--model={exported}/exports/export/{name}.onnx" for name in matrix._MODELS
    ]
    assert validate[-1] == "-q"


def test_the_row_of_an_accelerator_names_its_engines(exported, pip, monkeypatch):
    monkeypatch.delenv("RETINAFACE_ENGINE", raising=False)
    calls, _ = pip
    matrix.main(["--folder", str(exported), "validate-cuda"])
    assert "onnxruntime-gpu==1.31.1" in calls[0]
    assert {"--engine=ort-cuda-fp32", "--engine=ort-cuda-fp16"} < set(calls[1])


def test_a_failed_installation_is_a_row_with_the_reason(exported, pip, capsys):
    calls, answers = pip
    answers |= {
        "code": 1,
        "stderr": "ERROR: No matching distribution found for onnxruntime==1.17.3",
    }
    old = exported / "runs" / "validate-ort117"
    old.mkdir(parents=True)
    (old / "record.json").write_text("{}")  # an earlier run must not stand for this one
    assert matrix.main(["--folder", str(exported), "validate-ort117"]) == 0
    assert len(calls) == 1
    runs, unavailable = find_runs([exported / "runs"])
    assert runs == []
    assert unavailable[0].name == "validate-ort117"
    assert unavailable[0].version == "1.17.3"
    assert "No matching distribution" in unavailable[0].reason
    assert "cannot be installed here" in capsys.readouterr().out


def test_a_broken_network_is_not_a_property_of_the_row(exported, pip, capsys):
    pip[1].update(code=1, stderr="ERROR: Could not reach the index")
    assert matrix.main(["--folder", str(exported), "validate-ort118"]) == 2
    assert "Could not reach the index" in capsys.readouterr().err
    assert not (exported / "runs" / "validate-ort118").exists()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("validate-ixuca420", r"ixuca420 needs the vendor's wheels, and \$IXUCA_WHEELS is not set"),
        (
            "validate-onnx117",
            r"onnx117/retinaface.onnx is not there; run: tox run -e export-onnx117",
        ),
        ("validate-ort99", r"no row 'ort99'"),
        ("compare", r"holds no run; run: tox run -e export"),
    ],
)
def test_a_missing_part_is_one_line_with_the_next_step(
    exported, pip, capsys, monkeypatch, environment, message
):
    monkeypatch.delenv("IXUCA_WHEELS", raising=False)
    assert matrix.main(["--folder", str(exported), environment]) == 2
    err = capsys.readouterr().err
    assert re.search(message, err)
    assert len(err.splitlines()) == 1
    assert pip[0] == []


def test_the_vendors_wheels_are_found_by_their_tag(exported, pip, monkeypatch, tmp_path, capsys):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("IXUCA_WHEELS", str(wheels))
    (wheels / "igie-0.12.0+corex.4.3.0-cp310-cp310-linux_x86_64.whl").touch()
    assert matrix.main(["--folder", str(exported), "validate-ixuca420"]) == 2
    assert "*corex.4.2.0*.whl" in capsys.readouterr().err
    mine = wheels / "igie-0.12.0+corex.4.2.0-cp310-cp310-linux_x86_64.whl"
    mine.touch()
    monkeypatch.delenv("RETINAFACE_ENGINE", raising=False)
    assert matrix.main(["--folder", str(exported), "validate-ixuca420"]) == 0
    assert pip[0][-2][-2:] == ["--no-deps", str(mine)]
    named = [part for part in pip[0][-1] if part.startswith("--engine=")]
    assert named == ["--engine=igie-iluvatar-fp16", "--engine=ixrt-iluvatar-fp16"]


@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_row_of_an_accelerator_names_engines_of_this_package(name):
    assert set(ROWS[name].settings["engines"].split()) <= set(BUILTIN)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if "wheels" in row.settings])
def test_a_vendors_row_names_engines_of_this_package(name):
    engines = ROWS[name].settings["engines"].split()
    assert engines == ["igie-iluvatar-fp16", "ixrt-iluvatar-fp16"]
    assert set(engines) <= set(BUILTIN)


def test_a_vendors_row_without_engines_is_refused(exported, pip, monkeypatch, tmp_path, capsys):
    """The default engines are not the vendor's, so a run with them would not test the SDK."""
    settings = {"wheels": "ACME_WHEELS", "tag": "acme.2.1.0"}
    rows = {**ROWS, "acme210": Row("acme210", {}, settings)}
    monkeypatch.setattr(matrix, "read_rows", lambda: rows)
    wheel = tmp_path / "acme-1.0+acme.2.1.0-py3-none-any.whl"
    wheel.touch()
    monkeypatch.setenv("ACME_WHEELS", str(tmp_path))
    monkeypatch.delenv("RETINAFACE_ENGINE", raising=False)
    assert matrix.main(["--folder", str(exported), "validate-acme210"]) == 2
    assert "names no engines for acme210" in capsys.readouterr().err
    assert pip[0] == []
    monkeypatch.setenv("RETINAFACE_ENGINE", "vendor.engines:acme_x1_fp16")
    assert matrix.main(["--folder", str(exported), "validate-acme210"]) == 0
    assert pip[0][-2][-2:] == ["--no-deps", str(wheel)]
    assert not [part for part in pip[0][-1] if part.startswith("--engine=")]


def test_files_are_exported_once_for_the_same_versions_and_checkout(tmp_path, pip, monkeypatch):
    monkeypatch.setattr(matrix, "_checkout_state", lambda: "abc")
    calls, _ = pip
    for _turn in range(2):
        assert matrix.main(["--folder", str(tmp_path), "export"]) == 0
    exports = [call for call in calls if "export" in call]
    assert len(exports) == 2  # of fixed and of free size, the first time alone
    assert all("--with-fp16" in call for call in exports)
    state = json.loads((tmp_path / "exports" / "export" / "versions.json").read_text())
    assert state["packages"]["torch"] == "2.13.0"


def test_it_needs_the_standard_library_alone():
    code = "import sys, matrix.__main__; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "click", "retinaface", "onnxruntime"} & set(run.stdout.split())
