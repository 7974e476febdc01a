"""The command line runs on the embedded set only if no data of the user is involved."""

import json
import re

import pytest

from retinaface.assets import CHECKPOINT
from retinaface.embedded import embedded_root
from tests.support.made.pictures import image, tree
from tests.support.made.widerface_copy import write_vendor_layout

NEEDS = pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime")
EVALUATE = ("evaluate", "--pipeline", "igie", "--engine", "ort-cpu-fp32")


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch):
    """Let every download fail at once."""
    from retinaface import assets

    nowhere = {
        name: assets.Asset(name, a.folder, ("http://127.0.0.1:9/x",), a.known_hash, 1, a.licence)
        for name, a in assets.REGISTRY.items()
    }
    monkeypatch.setattr(assets, "REGISTRY", nowhere)


@NEEDS
def test_evaluate_runs_on_the_embedded_set_without_data(run, tmp_path):
    code, out, err = run(*EVALUATE, "--output", "r")
    assert code == 0
    assert "note: embedded set, since " in out
    assert err == ""
    assert "covers 67 of 67 images of the embedded set" in out
    record = json.loads((tmp_path / "r/record.json").read_text())
    assert record["coverage"]["embedded"] is True
    assert record["ap"]["easy"] > record["ap"]["medium"] > record["ap"]["hard"] > 0.2


@NEEDS
def test_an_explicit_choice_of_the_embedded_set_prints_no_note(run):
    options = ["--weights", "embedded", "--widerface", "embedded", "--limit", "8"]
    code, out, err = run(*EVALUATE, *options)
    assert (code, err) == (0, "")
    assert "covers 8 of 67 images of the embedded set" in out


def test_images_alone_are_an_error_with_the_command_that_fetches_weights(refuse, tmp_path):
    write_vendor_layout(tmp_path / "wf")
    refuse(*EVALUATE, "--widerface", "wf", match=f"retinaface assets fetch {CHECKPOINT}")


def test_weights_alone_give_no_ap(refuse, tmp_path):
    (tmp_path / "mine.pth").write_bytes(b"any")
    refuse(*EVALUATE, "--weights", "mine.pth", match="needs images: WIDER FACE is not on this")
    refuse(*EVALUATE, "--model", "any.model", match="needs images: WIDER FACE is not on this")


def test_assets_that_vanished_are_an_error(refuse, tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "m"))
    for command in (EVALUATE, ("demo",)):
        refuse(*command, match=f"RETINAFACE_ASSETS=.* lacks {re.escape(CHECKPOINT)} and the WIDER")


@NEEDS
def test_detect_takes_the_embedded_weights_for_embedded_pictures(run):
    picture = next(embedded_root().rglob("1_Group_1_1.jpg"))
    code, out, err = run("detect", picture)
    assert code == 0
    assert "note: using the weights of the embedded set" in out
    assert err == ""
    assert int(re.search(r": (\d+) face", out)[1]) >= 1


def test_detect_wants_weights_for_other_pictures(refuse, tmp_path):
    mine = image(tmp_path / "a.png")
    picture = next(embedded_root().rglob("1_Group_1_1.jpg"))
    for pictures in ([mine], [picture, mine]):
        refuse("detect", *pictures, match="--weights embedded")


def test_export_wants_weights(refuse):
    refuse("export", "--output", "x.onnx", match=f"cannot fetch {CHECKPOINT}.*--weights embedded")


def test_assets_shows_the_embedded_set(run):
    code, out, _ = run("assets", "path", "embedded")
    assert (code, out.strip()) == (0, str(embedded_root()))
    code, out, _ = run("assets", "list")
    assert re.search(r"embedded +\d\.\d", out)


@NEEDS
def test_demo_runs_on_the_embedded_set_with_a_note(run, tmp_path):
    code, out, _ = run("demo", "--output", "demo")
    assert code == 0
    assert out.startswith("note: embedded set, since ")
    assert "torch-cpu-fp16" in out
    assert "WIDER FACE AP (%)" in out
    assert len(tree(tmp_path / "demo/pictures")) == 4
