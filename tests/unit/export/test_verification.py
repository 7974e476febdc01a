import pytest

from retinaface.errors import ExportError
from tests.support.made.onnx_models import convolution

pytestmark = pytest.mark.needs("onnx")


def test_verify_lists_everything_that_differs(tmp_path):
    import onnx

    from retinaface.export.interface import Interface
    from retinaface.export.verification import verify

    path = tmp_path / "x.onnx"
    onnx.save(
        convolution(), path, save_as_external_data=True, location="x.onnx.data", size_threshold=0
    )
    expected = Interface(13, 7, "fp16", {"input": ("batch", 3, 320, 320)})
    with pytest.raises(ExportError) as caught:
        verify(path, expected, "fp16")
    message = str(caught.value)
    for part in (
        "opsets: expected {'ai.onnx': 13}, got {'ai.onnx': 18}",
        "IR version: expected 7, got 8",
        "outputs: expected ['loc', 'conf', 'landmarks'], got ['loc']",
        "axes of input: expected ('batch', 3, 320, 320), got ('batch', 3, 8, 8)",
        "type of input: expected fp16, got FLOAT",
        "1 weights are in another file, first w",
        "more than one file: x.onnx.data",
        "type of the weights: expected FLOAT16, got ['FLOAT']",
    ):
        assert part in message


def test_the_checker_gets_what_the_reader_takes(tmp_path):
    import onnx

    from retinaface.export.verification import check_standard

    path = tmp_path / "x.onnx"
    onnx.save(convolution(), path)
    assert check_standard(path) == ""
    damaged = convolution()
    damaged.graph.node[0].op_type = "Nonsense"
    onnx.save(damaged, path)
    assert check_standard(path).startswith("the ONNX checker says: ValidationError: No Op")
    damaged.graph.node[0].input[0] = "elsewhere"
    onnx.save(damaged, path)
    assert check_standard(path).startswith("the file contradicts itself: node 'loc'")
    path.write_bytes(b"\xff" * 9)
    assert check_standard(path).startswith("the file contradicts itself: it is no whole ONNX file")
