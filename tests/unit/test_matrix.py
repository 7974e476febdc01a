"""The matrix of SDK versions: its table, tox.ini, and rows that cannot run."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import matrix.__main__ as matrix
from matrix.rows import AB, COMMON, Row, find_row, read_rows, runtime_packages
from matrix.turns import neighbours
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
        if not name.startswith(("export", "validate-", "compare")) and name != AB:
            continue
        head, _, choices = name.partition("{")
        names += [head + choice for choice in choices.rstrip("}").split(",")] if choices else [name]
    return names


def test_every_environment_has_a_row_and_every_row_an_environment():
    rows = {re.sub("^(validate|export)-", "", name) for name in environments()}
    assert rows == set(ROWS) - {COMMON}


@pytest.mark.parametrize("name", [name for name in ROWS if name not in (COMMON, AB, "compare")])
def test_rows_of_one_comparison_differ_in_the_named_package_alone(name):
    row = ROWS[name]
    packages = runtime_packages(row, ROWS)
    assert "torch" not in packages
    assert {k: packages[k] for k in ROWS[COMMON].packages} == dict(ROWS[COMMON].packages)
    runtimes = set(packages) - set(ROWS[COMMON].packages)
    if "wheels" not in row.settings and "installed" not in row.settings:
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
    (wheels / "igie-0.18.1+corex.4.3.0-py3-none-any.whl").touch()
    assert matrix.main(["--folder", str(exported), "validate-ixuca420"]) == 2
    assert "*corex.4.2.0*.whl" in capsys.readouterr().err
    mine = wheels / "igie-0.18.0+corex.4.2.0.20250220-py3-none-any.whl"
    mine.touch()
    monkeypatch.delenv("RETINAFACE_ENGINE", raising=False)
    assert matrix.main(["--folder", str(exported), "validate-ixuca420"]) == 0
    assert pip[0][-2][-2:] == ["--no-deps", str(mine)]
    named = [part for part in pip[0][-1] if part.startswith("--engine=")]
    assert named == ["--engine=igie-iluvatar-fp16", "--engine=ixrt-iluvatar-fp16"]


@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_row_of_an_accelerator_names_engines_of_this_package(name):
    assert set(ROWS[name].settings["engines"].split()) <= set(BUILTIN)


@pytest.mark.parametrize("name", [name for name in ROWS if name.startswith("ixuca")])
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


@pytest.mark.parametrize(
    ("ran", "pairs"),
    [
        ("ort132 ort118 ort120", "ort118-ort120 ort120-ort132"),
        ("ort131 ort132 cpu", "ort131-ort132"),
        ("ort118 cpu ort132", "ort118-cpu cpu-ort132"),
        ("ort118 cuda tensorrt", ""),
        ("ixuca440 ort118 ixuca420 ixuca430", "ixuca420-ixuca430 ixuca430-ixuca440"),
        ("cpu dynamo opset17", "cpu-dynamo cpu-opset17"),
        ("dynamo opset17", ""),
    ],
)
def test_each_version_is_timed_with_the_next_and_each_exporter_with_the_usual_one(ran, pairs):
    expected = [tuple(pair.split("-")) for pair in pairs.split()]
    assert sorted(neighbours(ROWS, ran.split())) == sorted(expected)


@pytest.fixture
def ran(tmp_path):
    """Rows that ran: their environments, and records of two engines with the files they ran."""

    def write(*names, options=()):
        for name in names:
            python = tmp_path / f"validate-{name}" / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
            record = tmp_path / "matrix" / "runs" / f"validate-{name}"
            record.mkdir(parents=True)
            results = [
                result(f"ort-cpu-{p}", pipeline, f"models/{p}-{pipeline}.onnx")
                for p in ("fp32", "fp16")
                for pipeline in ("upstream-320", "igie")
            ]
            target = {"engine_options": dict(options)}
            content = {"results": [*results, {"id": "bare"}], "target": target}
            (record / "record.json").write_text(json.dumps(content))
        return str(tmp_path / "matrix")

    def result(engine, pipeline, kept):
        return {"engine": {"name": engine}, "pipeline": pipeline, "model": {"kept": kept}}

    return write


def sessions_of(calls):
    """The calls of `retinaface ab`, as options by name; the JSON by its name alone."""
    found = [call[4:] for call in calls if call[3:4] == [AB]]
    parted = [dict(word.lstrip("-").partition("=")[::2] for word in call) for call in found]
    return [{**options, "json": Path(options["json"]).stem} for options in parted]


def test_neighbours_are_timed_turn_by_turn_in_the_environments_of_tox(ran, pip, tmp_path):
    folder = ran("ort118", "ort132", options={"fusions": "off"})
    assert matrix.main(["--folder", folder, AB, "--starts=9"]) == 0
    found = sessions_of(pip[0])
    assert [session["json"] for session in found] == [
        f"ort118-ort132--ort-cpu-{precision}--b{batch}"
        for precision in ("fp32", "fp16")
        for batch in (1, 32)
    ]
    assert found[2]["a"] == f"{tmp_path}/validate-ort118/bin/python"
    assert found[2]["b"] == f"{tmp_path}/validate-ort132/bin/python"
    assert found[2]["engine"] == "ort-cpu-fp16"
    assert found[2]["model"] == f"{folder}/runs/validate-ort118/models/fp16-igie.onnx"
    assert found[2]["model-b"] == f"{folder}/runs/validate-ort132/models/fp16-igie.onnx"
    assert found[2]["engine-option"] == "fusions=off"
    assert found[2]["starts"] == "9"


def test_the_batches_are_those_that_are_named(ran, pip):
    matrix.main(["--folder", ran("ort118", "ort132"), AB, "--", "--batch", "8"])
    assert {session["batch"] for session in sessions_of(pip[0])} == {"8"}


def test_the_worst_session_decides(ran, monkeypatch):
    folder = ran("ort118", "ort132")
    monkeypatch.setattr(matrix, "_install", lambda _: None)
    for codes, code in (
        ([0, 10, 0, 0], 10),
        ([10, 70, 0, 0], 70),
        ([70, 10, 1, 0], 1),
        ([0] * 4, 0),
    ):
        answers = iter(codes)
        monkeypatch.setattr(matrix, "_retinaface", lambda *_, a=answers: next(a))
        assert matrix.main(["--folder", folder, AB]) == code


def test_a_row_whose_environment_is_gone_is_left_out_and_named(ran, pip, capsys, tmp_path):
    folder = ran("ort118", "ort132")
    (tmp_path / "validate-ort118" / "bin" / "python").unlink()
    assert matrix.main(["--folder", folder, AB]) == 2
    captured = capsys.readouterr()
    assert "ort118 is left out" in captured.out
    assert "no two neighbouring rows that ran; run: tox run -e export," in captured.err
    assert pip[0] == []


def test_records_that_keep_no_file_are_no_session(ran, pip, capsys):
    folder = ran("ort118", "ort132")
    for path in Path(folder).rglob("record.json"):
        path.write_text(json.dumps({"results": []}))
    assert matrix.main(["--folder", folder, AB]) == 2
    assert "keep no file of an engine" in capsys.readouterr().err


def test_comparison_and_report_are_given_the_sessions_that_there_are(ran, pip):
    folder = ran("ort118", "ort132")
    assert matrix.main(["--folder", folder, "compare"]) == 0
    assert not [word for call in pip[0] for word in call if word.startswith("--ab")]
    (Path(folder) / "ab").mkdir()
    (Path(folder) / "ab" / "s.json").touch()
    pip[0].clear()
    assert matrix.main(["--folder", folder, "compare"]) == 0
    assert [f"--ab={folder}/ab" in call for call in pip[0]] == [False, True, True]


def test_it_needs_the_standard_library_alone():
    code = "import sys, matrix.__main__; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "click", "retinaface", "onnxruntime"} & set(run.stdout.split())
