"""Engines side by side: each figure belongs to its own engine, and gaps stay empty."""

import json
from pathlib import Path

import pytest

from benchmarks.report import ENGINES, engines_section, read_engines, write_engines
from retinaface.cli import main
from retinaface.comparison.engine_table import COLUMNS, engine_rows
from tests.support.made.records import fidelity, make_run

ROOT = Path(__file__).resolve().parents[3]


def result(name, share, turns, errors):
    return {
        "id": f"{name}--igie--b32",
        "engine": {"name": name, "runtime": "onnxruntime 1.0", "build_s": 0.5},
        "precision": name[-4:],
        "ap": {"easy": 0.8, "medium": 0.7, "hard": 0.4},
        "n_images": 434,
        "images_per_s_over": {"ort-cpu-fp32": turns, "other": [9.0]},
        "differences": {"n": 9 * share, "n_all": 9, "share": share, "allowed": 0.5},
        "fidelity": errors,
    }


@pytest.fixture
def run(tmp_path):
    full = [fidelity(0.2, max_abs=1e-5), fidelity(0.3, kind="noise", max_abs=5e-6)]
    half = [fidelity(0.9, max_abs=0.25)]
    results = [
        result("ort-cpu-fp32", 0.0, [1.0] * 3, full[:1]),
        result("ort-cpu-fp16", 0.002, [0.25, 0.5, 0.75], []),
        {"id": "ort-cpu-fp32--igie--b1", "fidelity": full[1:]},
        {"id": "ort-cpu-fp16--igie--b1", "fidelity": half},
        {**result("ort-cpu-fp32", 0.5, [], []), "id": "ort-cpu-fp32--ixrt--b32"},
        {"id": "other--igie--b8", "engine": {"name": "other", "runtime": "x"}},
    ]
    return make_run(tmp_path / "a", ids=(), results=results)


def test_each_figure_is_that_of_its_own_engine(run):
    full, half, other = engine_rows([run])
    assert (full.engine, full.largest_error, full.of_the_limit) == ("ort-cpu-fp32", 1e-5, 0.3)
    assert (full.unmatched, half.unmatched) == (0.0, pytest.approx(0.2))
    assert (half.largest_error, half.of_the_limit) == (0.25, 0.9)
    assert full.speed_ratio == [1.0] * 3
    assert half.speed_ratio == pytest.approx([0.3, 0.5, 0.7])
    assert half.cells()[6] == "0.50 (0.30 to 0.70)"
    assert full.ap == pytest.approx({"easy": 80.0, "medium": 70.0, "hard": 40.0})
    assert full.build_s == 0.5
    assert other.cells()[2:] == [""] * (len(COLUMNS) - 2)


def test_ap_of_all_faces_is_named(tmp_path):
    results = [{**result("ort-cpu-fp32", 0.0, [], []), "ap": {"all faces": 0.5}}]
    (row,) = engine_rows([make_run(tmp_path / "a", ids=(), results=results)])
    assert row.cells()[5] == "50.00 (all faces)"


def test_a_nan_is_the_largest_error(tmp_path):
    errors = [fidelity(0.2), fidelity("nan", kind="noise", max_abs="nan")]
    (row,) = engine_rows([make_run(tmp_path / "a", result={"fidelity": errors})])
    assert row.cells()[2:4] == ["nan", "nan"]


def test_the_command_prints_and_writes_them(tmp_path, capsys):
    make_run(tmp_path / "a")
    with pytest.raises(SystemExit) as ended:
        main(["engines", str(tmp_path / "a"), "--json", str(tmp_path / "e.json")])
    assert ended.value.code == 0
    assert "ort-cpu-fp32" in capsys.readouterr().out
    assert json.loads((tmp_path / "e.json").read_text())["engines"][0]["engine"] == "ort-cpu-fp32"


def test_figures_survive_the_file_and_the_page_gets_the_table(run, tmp_path):
    page = tmp_path / "engines.md"
    page.write_text("before <!-- engines -->old<!-- /engines --> after")
    rows = engine_rows([run])
    write_engines(rows, page, tmp_path / "engines.json")
    assert read_engines(tmp_path / "engines.json") == rows
    assert engines_section(rows) in page.read_text()
    assert "old" not in page.read_text()


def test_the_table_of_the_docs_is_that_of_the_figures():
    assert engines_section(read_engines(ENGINES)) in (ROOT / "docs" / "engines.md").read_text()
