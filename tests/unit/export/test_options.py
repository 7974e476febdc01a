import json

import pytest


@pytest.fixture
def module():
    from retinaface.export import options

    return options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 10}, "reaches 11 to 20"),
        ({"exporter": "dynamo", "opset": 13}, "reaches 16 to 20; use --exporter torchscript"),
        ({"io": "fp16"}, "need --precision fp16"),
        ({"batch_size": 0}, "at least 1, got 0"),
    ],
)
def test_impossible_options_are_refused(module, options, message):
    from retinaface.errors import ExportError

    with pytest.raises(ExportError, match=message):
        module.ExportOptions(**options)


@pytest.mark.needs("onnx")
def test_the_interface_follows_the_options(module):
    fixed = module.ExportOptions(batch_size=4).interface()
    assert fixed.axes["input"] == (4, 3, 320, 320)
    assert fixed.axes["loc"] == (4, 4200, 4)
    free = module.ExportOptions(dynamic_size=True, exporter="dynamo").interface()
    assert (free.opset, free.ir_version) == (18, 10)
    assert free.axes["input"] == ("batch", 3, "height", "width")
    assert free.axes["conf"] == ("batch", "priors", 2)


def test_a_manifest_is_read_only_for_its_own_file(module, tmp_path):
    from retinaface.files import file_sha256

    model = tmp_path / "a.onnx"
    model.write_bytes(b"x")
    assert module.sidecars(model) == (tmp_path / "a.reference.npz", tmp_path / "a.json")
    assert module.read_manifest(model) is None
    (tmp_path / "a.json").write_text("{damaged")
    assert module.read_manifest(model) is None
    (tmp_path / "a.json").write_text(json.dumps({"sha256": file_sha256(model), "n": 1}))
    assert module.read_manifest(model)["n"] == 1
    model.write_bytes(b"y")
    assert module.read_manifest(model) is None


def test_options_and_manifests_need_neither_torch_nor_onnx():
    import subprocess
    import sys

    code = (
        "import sys, retinaface.export.options as o; o.ExportOptions(dynamic_size=True)\n"
        "print({'torch', 'onnx'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"
