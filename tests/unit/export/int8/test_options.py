import pytest

from retinaface.errors import ExportError
from tests.support.given.int8_exports import run_export

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime"),
    pytest.mark.usefixtures("shared_exports"),
]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"opset": 12}, "needs opset 13 or higher, got 12"),
        ({"simplify": False}, "leave --no-simplify out"),
        ({"io": "fp16"}, "FP16 input and outputs need --precision fp16"),
        ({"float_layers": ("a", "a")}, "float layer a is named twice"),
    ],
)
def test_what_cannot_be_int8_is_refused(options, match, loaded, tmp_path):
    with pytest.raises(ExportError, match=match):
        run_export(loaded, tmp_path / "x.onnx", **options)
