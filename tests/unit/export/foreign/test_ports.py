import numpy as np
import pytest

from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnx")


@pytest.fixture
def load(tmp_path):
    """Write a small model and read it: `load(batch=2, size=(64, 96))`."""
    import onnx

    def read(**settings):
        write_model(tmp_path / "a.onnx", **settings)
        return onnx.load(tmp_path / "a.onnx")

    return read


@pytest.mark.parametrize(
    ("settings", "batch", "size_px"),
    [
        ({}, None, (320, 320)),
        ({"batch": 2, "size": (64, 96)}, 2, (64, 96)),
        ({"size": ("height", "width")}, None, (320, 320)),
    ],
    ids=["free-batch", "fixed", "free-size"],
)
def test_ports_say_what_a_file_fixes(load, settings, batch, size_px):
    from retinaface.export.foreign.ports import find_ports

    ports = find_ports(load(outputs=("x", "y", "z"), **settings))
    assert (ports.image, ports.outputs, ports.others) == ("input", ("x", "y", "z"), ())
    assert (ports.batch, ports.size_px) == (batch, size_px)


def test_shapes_that_inference_leaves_open_come_from_a_run(load):
    from onnx import helper, numpy_helper

    from retinaface.export.foreign.ports import output_shapes

    model = load()
    loc = next(node for node in model.graph.node if node.output[0] == "loc")
    loc.output[0] = "full"
    # Only a run knows how many values are not zero.
    zero = numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    model.graph.initializer.append(zero)
    model.graph.node.append(helper.make_node("NonZero", ["full"], ["loc"]))
    shapes = output_shapes(model, "input", (1, 3, 320, 320))
    assert shapes["conf"] == (1, 4200, 2)
    assert shapes["loc"][0] == 3


def test_nine_heads_are_left_to_their_engine(load):
    from retinaface.export.foreign.ports import find_ports

    model = load()
    model.graph.output.extend([model.graph.output[0]] * 6)
    assert find_ports(model) is None


def test_old_files_list_weights_among_the_inputs(load):
    from retinaface.export.foreign.ports import find_ports, image_inputs

    model = load()
    weight = model.graph.input.add()
    weight.name = "stored"
    assert [value.name for value in image_inputs(model.graph)] == ["input"]
    assert find_ports(model).image == "input"
