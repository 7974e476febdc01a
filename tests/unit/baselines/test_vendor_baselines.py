"""The vendor's published figures are found and compared by the descriptions of its engines."""

import sys
from pathlib import Path

import pytest

from retinaface.baselines.entries import find_entries, load_baselines
from retinaface.checks.speed.gate import check_speed
from retinaface.checks.speed.timing import summarise
from retinaface.engines.catalogue import BUILTIN
from retinaface.engines.opening import open_engine
from retinaface.environment import device_name, slug
from retinaface.verdicts import Verdict
from tests.support.made.onnx_models import write_heads
from tests.support.standins.ixrt import FakeIxrt
from tests.support.standins.tvm import FakeTvm

pytestmark = pytest.mark.needs("onnx", "onnxruntime", "onnxconverter_common")
FILE = Path(__file__).resolve().parents[3] / "baselines/iluvatar-mr-v100/ixuca-4.2.0.json"
PUBLISHED = {"igie": 8304.626, "ixrt": 8536.367}
ENGINES = {"igie": "igie-iluvatar-fp16", "ixrt": "ixrt-iluvatar-fp16"}
STAND_INS = {"igie": FakeTvm, "ixrt": FakeIxrt}


def described(runtime, monkeypatch, tmp_path, board="Iluvatar MR-V100, 4.2.0"):
    """Describe an engine on its stand-in; `ixsmi` answers each field by itself, or nothing."""
    answers = dict(zip(("name", "driver_version"), board.split(", "), strict=True)) if board else {}
    monkeypatch.setenv("RETINAFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("retinaface.engines.iluvatar.board.ask", answers.get)
    for name in ("igie", "ixrt"):
        monkeypatch.delitem(sys.modules, f"retinaface.engines.iluvatar.{name}", raising=False)
    STAND_INS[runtime]().install(monkeypatch)
    write_heads(tmp_path / "heads.onnx")
    with open_engine(ENGINES[runtime], model=tmp_path / "heads.onnx") as engine:
        return engine.describe()


def found_entries(runtime, engine, **changes):
    """Find entries as the speed suite does."""
    key = {
        "pipeline": runtime,
        "precision": engine["precision"],
        "device": slug(device_name(engine)),
        "batch": 32,
        "timed": "vendor-run",
        "engine": engine["name"],
        **changes,
    }
    found = find_entries(
        load_baselines(FILE), "speed", key, strict=False, runtime=engine["runtime"]
    )
    return found.comparable


@pytest.mark.parametrize("runtime", PUBLISHED)
@pytest.mark.parametrize("board", ["Iluvatar MR-V100, 4.2.0", "MR-V100, 4.3.8", None])
def test_the_published_speed_is_found(runtime, board, monkeypatch, tmp_path):
    """`ixsmi` names the board, or the runtime if `ixsmi` does not."""
    (entry,) = found_entries(runtime, described(runtime, monkeypatch, tmp_path, board))
    assert entry.data["value"] == PUBLISHED[runtime]
    assert entry.is_published


@pytest.mark.parametrize("runtime", PUBLISHED)
@pytest.mark.parametrize(
    ("share", "verdict"),
    [(1.0, Verdict.PASS), (0.96, Verdict.PASS), (0.94, Verdict.FAIL), (0.5, Verdict.FAIL)],
)
def test_the_published_speed_is_gated(runtime, share, verdict, monkeypatch, tmp_path):
    (entry,) = found_entries(runtime, described(runtime, monkeypatch, tmp_path))
    seconds = 32 / (share * PUBLISHED[runtime])
    assert check_speed(entry, summarise([seconds] * 10, 32), 32).verdict is verdict


@pytest.mark.parametrize(
    "changes",
    [
        {"batch": 8},
        {"timed": "run"},
        {"timed": "network"},
        {"precision": "fp32"},
        {"device": "other"},
    ],
)
def test_the_published_speed_is_not_compared_with_other_settings(changes, monkeypatch, tmp_path):
    assert not found_entries("igie", described("igie", monkeypatch, tmp_path), **changes)


def test_another_board_is_another_device(monkeypatch, tmp_path):
    engine = described("igie", monkeypatch, tmp_path, "Iluvatar BI-V150, 4.2.0")
    assert slug(device_name(engine)) == "iluvatar-bi-v150"
    assert not found_entries("igie", engine)


def test_the_engines_are_built_in():
    assert set(ENGINES.values()) <= set(BUILTIN)
