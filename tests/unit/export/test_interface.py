import pytest

pytestmark = pytest.mark.needs("onnx")


def test_the_interface_follows_the_options():
    from retinaface.export.interface import interface_of
    from retinaface.export.options import ExportOptions

    fixed = interface_of(ExportOptions(batch_size=4))
    assert fixed.axes["input"] == (4, 3, 320, 320)
    assert fixed.axes["loc"] == (4, 4200, 4)
    free = interface_of(ExportOptions(dynamic_size=True, exporter="dynamo"))
    assert (free.opset, free.ir_version) == (18, 10)
    assert free.axes["input"] == ("batch", 3, "height", "width")
    assert free.axes["conf"] == ("batch", "priors", 2)
