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


def test_options_and_manifests_need_neither_torch_nor_onnx():
    import subprocess
    import sys

    code = (
        "import sys, retinaface.export.manifest as m; m.ExportOptions(dynamic_size=True)\n"
        "print({'torch', 'onnx'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"
