import pytest

from retinaface.export.tiny_model import write_model

pytestmark = pytest.mark.needs("onnx")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Change how a small file makes its scores, and ask whether they are probabilities."""
    import onnx

    from retinaface.export.foreign import probabilities
    from retinaface.export.foreign.ports import find_ports

    ran = []
    run_once = probabilities.run_once
    monkeypatch.setattr(probabilities, "run_once", lambda *a: ran.append(1) or run_once(*a))

    def ask(*operators, softmax=True):
        """Put operators behind the softmax, or leave it out."""
        write_model(tmp_path / "a.onnx")
        model = onnx.load(tmp_path / "a.onnx")
        nodes = model.graph.node
        last = next(node for node in nodes if node.output[0] == "conf")
        if not softmax:
            name = last.input[0]
            nodes.remove(last)
            last = next(node for node in nodes if node.output[0] == name)
        last.output[0] = name = "scores_0"
        for i, (operator, settings) in enumerate(operators, 1):
            inputs = [name, name] if operator == "Add" else [name]
            nodes.append(onnx.helper.make_node(operator, inputs, [f"scores_{i}"], **settings))
            name = f"scores_{i}"
        (nodes[-1] if operators else last).output[0] = "conf"
        return probabilities.gives_probabilities(model, find_ports(model)), len(ran)

    return ask


CAST = ("Cast", {"to": 1})


def test_a_softmax_is_found_behind_what_moves_values(asked):
    assert asked() == (True, 0)
    assert asked(CAST, ("Identity", {})) == (True, 0)


def test_without_one_they_are_logits(asked):
    assert asked(softmax=False) == (False, 0)
    assert asked(CAST, softmax=False) == (False, 0)


def test_what_the_graph_leaves_open_a_run_shows(asked):
    assert asked(("Relu", {})) == (True, 1)
    assert asked(("Relu", {}), softmax=False) == (False, 2)


@pytest.mark.parametrize("softmax", [True, False])
def test_concatenations_of_a_tensor_with_itself_are_walked_once(softmax):
    """Followed from their end, sixty of them have 2^60 ways."""
    import onnx

    from retinaface.export.foreign.probabilities import _is_softmax

    first = onnx.helper.make_node("Softmax" if softmax else "Conv", ["x"], ["c0"])
    nodes = [onnx.helper.make_node("Concat", [f"c{i}"] * 2, [f"c{i + 1}"]) for i in range(60)]
    graph = onnx.helper.make_graph([first, *nodes], "g", [], [])
    assert _is_softmax(graph, "c60") is softmax
