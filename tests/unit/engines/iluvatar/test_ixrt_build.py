"""ONNX files are cut at their nine heads for ixRT, as the vendor's export does."""

import pytest

from retinaface.engines.iluvatar.ixrt_build import with_heads
from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnx", "onnxconverter_common")


@pytest.mark.needs("torch", "onnxsim")
@pytest.mark.parametrize(
    "options",
    [{}, {"simplify": False}, {"exporter": "dynamo"}],
    ids=["torchscript-simplified", "torchscript-raw", "dynamo-simplified"],
)
@pytest.mark.filterwarnings("ignore")  # exporters warn by nature
@pytest.mark.usefixtures("shared_exports")
def test_every_exporters_file_is_cut_at_its_heads(options, tmp_path):
    import onnx

    from retinaface.export.exporter import export
    from retinaface.export.onnx_graph import axes_of
    from retinaface.export.options import ExportOptions
    from retinaface.network.checkpoint import load_model

    export(load_model("embedded"), ExportOptions(**options), tmp_path / "a.onnx")
    cut = with_heads(onnx.load(tmp_path / "a.onnx"), 32)
    onnx.checker.check_model(cut)
    assert [axes_of(value) for value in cut.graph.output] == [
        (32, channels, side, side) for side in (40, 20, 10) for channels in (8, 4, 20)
    ]
    assert not {"Softmax", "Concat"} & {node.op_type for node in cut.graph.node[-9:]}


def test_operators_other_than_layout_are_not_cut_away(tmp_path):
    """In such a file the outputs need more than the heads."""
    import onnx

    from retinaface.export.onnx_graph import axes_of

    write_model(tmp_path / "a.onnx")
    kept = with_heads(onnx.load(tmp_path / "a.onnx"), 8)
    assert [value.name for value in kept.graph.output] == ["loc", "conf", "landmarks"]
    assert axes_of(kept.graph.input[0]) == (8, 3, 320, 320)
    assert axes_of(kept.graph.output[0]) == (8, 4200, 4)
