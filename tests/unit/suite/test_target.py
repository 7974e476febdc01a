import re
from pathlib import Path

import pytest

from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.catalogue import BUILTIN
from retinaface.errors import DatasetError, EngineUnavailable, ManifestError, WeightsError
from retinaface.export.tiny_model import write_model
from retinaface.suite.target import (
    DEFAULT_ENGINES,
    Target,
    TargetError,
    make_target,
)
from tests.support.made.manifests import write_manifest_of

IGIE = "igie-iluvatar-fp16"
ROOT = Path(__file__).resolve().parents[3]


def test_without_options_onnx_runtime_is_tested_and_no_extra_runtime():
    target = make_target()
    assert target == Target(sources_note=target.sources_note, reference=target.reference)
    assert target.engines == DEFAULT_ENGINES
    assert (
        tuple(n for n in BUILTIN if n.startswith(("ort-cpu-fp", "ort-cuda-fp"))) == DEFAULT_ENGINES
    )
    assert target.pipelines == tuple(PIPELINES)
    assert not target.engines_named
    assert not target.pipelines_named
    assert target.weights.is_embedded
    assert target.data.is_embedded
    assert target.verdict_note == "embedded set"


def test_what_is_named_is_marked_as_named_and_kept_once(tmp_path):
    write_model(tmp_path / "a.onnx")
    target = make_target(
        engines=("torch-cpu-fp32", "a.b:c", "torch-cpu-fp32"),
        pipelines=("ixrt", "igie", "ixrt"),
        batch=3,
        models=(tmp_path / "a.onnx",),
        weights="embedded",
        widerface=str(tmp_path),
        subset="every-8",
        baseline=str(tmp_path / "new.json"),
    )
    assert target.engines == ("torch-cpu-fp32", "a.b:c")
    assert target.pipelines == ("ixrt", "igie")
    assert target.engines_named
    assert target.pipelines_named
    assert (target.batch, target.models, target.data.root, target.subset) == (
        3,
        (tmp_path / "a.onnx",),
        tmp_path,
        "every-8",
    )
    assert target.weights.is_embedded
    assert target.data.is_named
    assert target.verdict_note == ""
    assert target.baseline == tmp_path / "new.json"


def test_engines_that_build_are_offered_the_builds_and_no_others(tmp_path):
    model, build = tmp_path / "a.onnx", tmp_path / "a.so"
    write_model(model)
    build.touch()
    engines = (IGIE, "ort-cpu-fp32")
    target = make_target(engines=engines, models=(model,), engine_files=(build,))
    assert target.has_files
    assert [target.files_of(name) for name in engines] == [(build,), ()]
    assert not make_target().has_files


def test_files_made_of_the_embedded_weights_are_known_by_their_manifest(tmp_path):
    model = tmp_path / "a.onnx"
    write_model(model)
    target = make_target(models=(model,))
    assert not target.has_embedded_weights
    assert target.reference.model == model
    assert target.verdict_note == ("embedded pictures, no AP, fidelity of the export not judged")
    write_manifest_of(model, weights=make_target().weights.sha256)
    assert make_target(models=(model,)).has_embedded_weights


@pytest.mark.needs("torch")
def test_a_checkpoint_is_loaded_before_anything_runs(tmp_path):
    """What is no checkpoint of this network is a usage error, and the record keeps the notes."""
    import torch

    from retinaface.network.checkpoint import load_model

    path = tmp_path / "w.pth"
    torch.save({"model": load_model("embedded").model.state_dict()}, path)
    target = make_target(weights=str(path))
    assert target.weights_notes == ("w.pth: read the tensors under the key 'model'",)
    assert target.as_json()["weights"]["notes"] == list(target.weights_notes)
    assert make_target(weights="embedded").as_json()["weights"]["notes"] == []
    torch.save({"model": torch.nn.Linear(2, 2).state_dict()}, path)
    with pytest.raises(WeightsError, match=r"w\.pth is not of this architecture"):
        make_target(weights=str(path))


def test_a_damaged_manifest_is_refused_before_anything_runs(tmp_path):
    model = tmp_path / "a.onnx"
    model.touch()
    model.with_suffix(".json").write_text("{")
    with pytest.raises(ManifestError, match=r"cannot read the manifest .*a\.json: .*; restore it"):
        make_target(models=(model,))


def test_options_are_read_as_pairs():
    target = make_target(engine_options=["fusions=llvm -x=y", "spinning=off"])
    assert target.engine_options == {"fusions": "llvm -x=y", "spinning": "off"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"engines": ("ort-cpu-fp8",)}, EngineUnavailable, "unknown engine 'ort-cpu-fp8'"),
        (
            {"engines": ("torch-cpu-fp32", "none")},
            EngineUnavailable,
            "unknown engine 'none'; expected one of: torch-cpu-fp32",
        ),
        (
            {"pipelines": ("igie", "igi")},
            TargetError,
            "unknown --pipeline 'igi'; did you mean igie? Expected one of: igie, ixrt",
        ),
        (
            {"subset": "every-9"},
            TargetError,
            "unknown --subset 'every-9'; did you mean every-8? Expected one of: every-8",
        ),
        (
            {"scores": "logit"},
            TargetError,
            "unknown --scores 'logit'; did you mean logits? Expected one of: probabilities",
        ),
        (
            {"models": (Path("conftest.py"), Path("no.onnx"))},
            TargetError,
            "--model no.onnx does not exist; give an exported file",
        ),
        (
            {"engines": (IGIE,), "engine_files": (Path("no.so"),)},
            TargetError,
            "--engine-file no.so does not exist; give a built engine",
        ),
        (
            {"engine_files": (Path("conftest.py"),)},
            TargetError,
            "--engine-file conftest.py: ort-cpu-fp32, ort-cpu-fp16, ort-cuda-fp32, ort-cuda-fp16 "
            "load no prebuilt engines; name one that does with --engine: ",
        ),
        (
            {"engines": (IGIE,), "engine_files": (Path("conftest.py"),)},
            TargetError,
            "its expected outputs are not known; give the checkpoint that it was built from",
        ),
        ({"engine_options": ("a",)}, TargetError, "'a' is not of the form NAME=VALUE"),
        ({"engine_options": ("a=1", "a=2")}, TargetError, "--engine-option 'a=2' is given twice"),
        ({"weights": "no.pth"}, WeightsError, "--weights no.pth is not a file"),
        (
            {"widerface": "no"},
            DatasetError,
            "--widerface no is not a folder; give the data set's folder",
        ),
        (
            {"baseline": "no/b.json"},
            TargetError,
            "--baseline no/b.json: there is no folder no",
        ),
    ],
    ids=[
        "engine",
        "second-engine",
        "pipeline",
        "subset",
        "scores",
        "model",
        "no-build",
        "loads-no-builds",
        "unknown-weights",
        "option",
        "option-twice",
        "weights",
        "data",
        "baseline",
    ],
)
def test_what_is_not_there_is_refused_before_anything_runs(options, error, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(error, match=re.escape(message)):
        make_target(**options)
