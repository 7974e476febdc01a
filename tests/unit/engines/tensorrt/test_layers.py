"""Types of layers are read from the words of TensorRT's inspector."""

import pytest

from retinaface.engines.tensorrt.layers import layers_of


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ({"Format/Datatype": "Half"}, "fp16"),
        ({"Format/Datatype": "Row major linear FP16 format"}, "fp16"),
        ({"Format/Datatype": "Float"}, "fp32"),
        ({"Format/Datatype": "Row major linear FP32"}, "fp32"),
        ({"Format": "Row major linear FP32 format (kLINEAR)", "DataType": "Float"}, "fp32"),
        ({"Format": "Channel major format", "DataType": "Half"}, "fp16"),
        ({"DataType": "BFloat16"}, "bf16"),
        (
            {"Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format"},
            "integer",
        ),
        ({"DataType": "Int64"}, "integer"),
        ({"DataType": "FP8"}, "other"),
    ],
)
def test_the_inspectors_words_for_types_are_read(tensor, name):
    found = layers_of({"Layers": [{"Name": "a", "Outputs": [tensor]}, {"Name": "no outputs"}]})
    assert found.by_type == {name: 1}
    assert found.n_layers == 2


@pytest.mark.parametrize("information", [{}, {"Layers": ["a", "b"]}, {"Layers": []}])
def test_a_plan_with_names_alone_leaves_the_types_unknown(information):
    found = layers_of(information)
    assert found.by_type is None
    assert "is not known" in found.proof
