import json

import jsonschema
import numpy as np
import pytest

from retinaface.errors import ExportError, ManifestError, OutputError

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxconverter_common"),
    pytest.mark.usefixtures("shared_exports"),
]


@pytest.fixture(scope="module")
def loaded():
    from retinaface.network.checkpoint import load_model

    return load_model("embedded")


def run_export(loaded, path, **options):
    from retinaface.export.exporter import export
    from retinaface.export.options import ExportOptions

    return export(loaded, ExportOptions(**options), path)


def outputs_of(path, images):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(str(path)).run(None, {"input": images})


def test_export_writes_the_file_its_manifest_and_its_reference(tmp_path, loaded):
    from retinaface.export.manifest import json_schema, read_manifest

    path = tmp_path / "deep" / "x.onnx"
    manifest = run_export(loaded, path)
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "x.json",
        "x.onnx",
        "x.reference.npz",
    ]
    assert read_manifest(path) == manifest
    jsonschema.validate(json.loads(path.with_suffix(".json").read_text()), json_schema())
    assert manifest.options.opset == 13
    assert (manifest.weights.source, manifest.weights.sha256) == ("embedded.pth", loaded.sha256)
    assert manifest.axes["input"] == ("batch", 3, 320, 320)
    assert manifest.axes["loc"] == ("batch", 4200, 4)
    assert manifest.operators["Conv"] == 56
    assert manifest.steps.exported.operators["Conv"] == 56
    assert manifest.versions["torch"]
    path.write_bytes(b"another")
    with pytest.raises(ManifestError, match="is not the file of its manifest"):
        read_manifest(path)


@pytest.mark.parametrize(
    "options",
    [
        {"opset": 11, "batch_size": 1},
        {"opset": 20, "simplify": False},
        {"dynamic_size": True},
        {"exporter": "dynamo", "opset": 16},
        {"precision": "fp16", "batch_size": 2},
        {"precision": "fp16", "io": "fp16", "dynamic_size": True},
        {"precision": "fp16", "opset": 11},
        {"precision": "fp16", "opset": 12, "io": "fp16", "simplify": False},
    ],
    ids=lambda o: "-".join(f"{k}={v}" for k, v in o.items()),
)
def test_the_file_matches_the_options(tmp_path, loaded, options):
    """The test reads the file with onnx alone, not with the code that verified it."""
    import onnx

    path = tmp_path / "x.onnx"
    run_export(loaded, path, **options)
    model = onnx.load(path)
    exporter = options.get("exporter", "torchscript")
    default = {"torchscript": 13, "dynamo": 18}[exporter]
    assert [(o.domain, o.version) for o in model.opset_import] == [
        ("", options.get("opset", default))
    ]
    assert model.ir_version <= 10
    element = onnx.TensorProto.FLOAT16 if options.get("io") == "fp16" else onnx.TensorProto.FLOAT
    names = ["input", "loc", "conf", "landmarks"]
    values = [*model.graph.input, *model.graph.output]
    assert [v.name for v in values] == names
    assert {v.type.tensor_type.elem_type for v in values} == {element}
    free = [d.HasField("dim_param") for d in values[0].type.tensor_type.shape.dim]
    fixed_batch, dynamic = "batch_size" in options, options.get("dynamic_size", False)
    assert free == [not fixed_batch, False, dynamic, dynamic]
    weight = onnx.TensorProto.FLOAT16 if "precision" in options else onnx.TensorProto.FLOAT
    assert {t.data_type for t in model.graph.initializer if len(t.dims) == 4} == {weight}


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_exports_agree_with_float64_torch(tmp_path, loaded, exporter):
    from retinaface.network.config import OUTPUT_NAMES
    from retinaface.reference.stored import load_reference

    path = tmp_path / "x.onnx"
    run_export(loaded, path, exporter=exporter)
    case = load_reference(path.with_suffix(".reference.npz"))[0]
    for name, output in zip(OUTPUT_NAMES, outputs_of(path, case.images), strict=True):
        # Another order of float32 sums: a few times torch's own error.
        floor = np.abs(case.float32[name] - case.exact[name]).max()
        assert np.abs(output - case.exact[name]).max() <= 8 * floor


def test_reference_holds_another_size_where_sizes_are_free(tmp_path, loaded):
    from retinaface.reference.stored import load_reference

    run_export(loaded, tmp_path / "x.onnx", dynamic_size=True)
    cases = {c.name: c for c in load_reference(tmp_path / "x.reference.npz")}
    assert cases["scene-213x320"].images.shape == (1, 3, 213, 320)
    assert cases["scene-213x320"].exact["loc"].shape == (1, 2860, 4)
    assert {c.exact["conf"].dtype for c in cases.values()} == {np.dtype(np.float64)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 10}, "torchscript exporter cannot write opset 10: it reaches 11 to 20"),
        ({"opset": 21}, "cannot write opset 21"),
        ({"exporter": "dynamo", "opset": 15}, "reaches 16 to 20; use --exporter torchscript"),
        ({"io": "fp16"}, "need --precision fp16"),
        ({"batch_size": 0}, "at least 1, got 0"),
    ],
)
def test_impossible_options_are_refused_before_the_export(options, message):
    from retinaface.export.options import ExportOptions

    with pytest.raises(ExportError, match=message):
        ExportOptions(**options)


def test_a_name_without_the_ending_is_refused(tmp_path, loaded):
    with pytest.raises(ExportError, match=r"expected a name that ends in \.onnx"):
        run_export(loaded, tmp_path / "x.pb")


def check_nothing_changed(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["x.onnx"]
    assert (folder / "x.onnx").read_bytes() == b"old"


@pytest.fixture
def changed(monkeypatch):
    """Change the settings that torch's exporter gets."""
    import torch

    honest = torch.onnx.export

    def change(**settings):
        monkeypatch.setattr(
            "torch.onnx.export", lambda *given, **named: honest(*given, **(named | settings))
        )

    return change


def test_an_exporter_that_keeps_another_opset_is_caught(tmp_path, loaded, changed):
    """Asked for 13, dynamo warns and writes 18."""
    (tmp_path / "x.onnx").write_bytes(b"old")
    changed(opset_version=11)
    with pytest.raises(ExportError, match="changed the opset: asked for 13, got 11"):
        run_export(loaded, tmp_path / "x.onnx")
    check_nothing_changed(tmp_path)


def test_an_exporter_that_fixes_the_batch_is_caught(tmp_path, loaded, changed):
    (tmp_path / "x.onnx").write_bytes(b"old")
    changed(dynamic_axes={})
    with pytest.raises(ExportError, match="did not give the axes asked for"):
        run_export(loaded, tmp_path / "x.onnx")
    check_nothing_changed(tmp_path)


def test_a_failing_exporter_leaves_the_old_file(tmp_path, loaded, monkeypatch):
    (tmp_path / "x.onnx").write_bytes(b"old")

    def fail(*_, **__):
        raise RuntimeError("no kernel\nand a long trace")

    monkeypatch.setattr("torch.onnx.export", fail)
    with pytest.raises(ExportError, match=r"exporter failed at opset 13: RuntimeError: no kernel$"):
        run_export(loaded, tmp_path / "x.onnx")
    check_nothing_changed(tmp_path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path, loaded):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        run_export(loaded, tmp_path / "file" / "x.onnx")


def test_two_precisions_share_one_reference(tmp_path, loaded):
    from retinaface.export.exporter import export
    from retinaface.export.options import ExportOptions
    from retinaface.reference.stored import load_reference

    one, half = tmp_path / "x.onnx", tmp_path / "x.fp16.onnx"
    run_export(loaded, one)
    manifest = export(loaded, ExportOptions(precision="fp16"), half, reference_of=one)
    assert manifest.reference == "x.reference.npz"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "x.fp16.json",
        "x.fp16.onnx",
        "x.json",
        "x.onnx",
        "x.reference.npz",
    ]
    assert [case.extras for case in load_reference(tmp_path / "x.reference.npz")] == [None] * 4
