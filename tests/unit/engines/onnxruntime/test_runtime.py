"""The profile of ONNX Runtime shows where it ran a graph."""

import pytest

pytestmark = pytest.mark.needs("onnxruntime")


def event(name, provider, kind, op="Conv"):
    arguments = {"provider": provider, "op_name": op, "output_type_shape": [{kind: [1]}]}
    return {"cat": "Node", "name": f"{name}_kernel_time", "args": arguments}


def test_placement_distinguishes_a_fallback_from_arithmetic_on_shapes():
    from retinaface.engines.onnxruntime.runtime import placement_from_profile

    profile = [
        {"cat": "Session", "name": "model_run", "args": {}},
        event("conv_1", "CUDAExecutionProvider", "float16"),
        event("conv_2", "CPUExecutionProvider", "float16"),
        event("shape_1", "CPUExecutionProvider", "int64", "Shape"),
    ]
    placement = placement_from_profile(profile, "CUDAExecutionProvider")
    assert placement["n_nodes"] == 1
    assert placement["fallback"] == ["conv_2 (Conv) on CPUExecutionProvider"]
    assert placement["shape_nodes_elsewhere"] == 1
