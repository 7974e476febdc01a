"""Check the functions that an ONNX file defines: whoever reads a graph puts them in place of calls.

One that calls itself has no end, and thirty of which each calls the next one twice have a billion
nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import onnx

from retinaface.errors import excerpt
from retinaface.formats.faults import FormatError

# Graphs inside nodes; those of exporters are one or two deep.
MAX_DEPTH = 8
# Nodes once functions stand in place of their calls. A file of this network has 200 to 2000.
MAX_NODES = 100_000
# Functions that call functions; those of exporters are five or six deep.
_MAX_CALLS = 32

_Name = tuple[str, str]


def graphs_of(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """List the graphs that a node holds in its attributes, as `If` and `Loop` do."""
    return [
        graph
        for attribute in node.attribute
        for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs)
    ]


def nodes_within(part: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """List the nodes of a graph or a function, and of the graphs inside them.

    Raises:
        FormatError: Graphs are too deep inside each other.
    """
    stack = [(node, 0) for node in reversed(part.node)]
    while stack:
        node, depth = stack.pop()
        yield node
        if (inner := graphs_of(node)) and depth == MAX_DEPTH:
            raise FormatError(f"graphs are inside each other, and at most {MAX_DEPTH} deep is read")
        stack += [(one, depth + 1) for graph in inner for one in graph.node]


def check_functions(model: onnx.ModelProto) -> None:
    """Check that calls of functions end, and stand for no more nodes than are read.

    Raises:
        FormatError: Names a function that calls itself, or the number of nodes.
    """
    # Of one name several may stand in a file; which is meant depends on who reads it, so all are.
    calls: dict[_Name, Counter[_Name]] = {}
    for function in model.functions:
        counts = calls.setdefault((_domain(function.domain), function.name), Counter())
        counts.update(_called(function))
    sizes: dict[_Name, int] = {}
    n_nodes = sum(
        n * _size(name, calls, sizes, ()) for name, n in Counter(_called(model.graph)).items()
    )
    for name in calls:  # also of those that nothing calls: checkers look into them too
        n_nodes = max(n_nodes, _size(name, calls, sizes, ()))
    if n_nodes > MAX_NODES:
        raise FormatError(f"its calls stand for {n_nodes:.3g} nodes, and {MAX_NODES} are read")


def _called(part: onnx.GraphProto | onnx.FunctionProto) -> Iterator[_Name]:
    for node in nodes_within(part):
        yield _domain(node.domain), node.op_type


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _size(
    name: _Name,
    calls: dict[_Name, Counter[_Name]],
    sizes: dict[_Name, int],
    above: tuple[_Name, ...],
) -> int:
    """Count the nodes that a call stands for: itself, and those of the function, if it is one."""
    if name not in calls:
        return 1
    if name in above or len(above) == _MAX_CALLS:
        what = "calls itself" if name in above else f"is called {_MAX_CALLS} functions deep"
        raise FormatError(f"its function {excerpt(name[1])} {what}")
    if name not in sizes:
        inner = calls[name].items()
        sizes[name] = 1 + sum(n * _size(one, calls, sizes, (*above, name)) for one, n in inner)
    return sizes[name]
