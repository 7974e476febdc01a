"""Adopt an ONNX file of any exporter: check it, and make a copy that every engine can load.

The copy has this project's names and keeps its weights inside, so that one hash identifies graph
and weights. Nothing that is computed changes. A file that has that form already is used as it is.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import onnx

from retinaface.assets import cache_dir
from retinaface.errors import ModelError, shortened
from retinaface.export.cached_files import is_as_written, remember, why_again
from retinaface.export.external_data import model_sha256, weight_files
from retinaface.export.foreign.ports import Ports, find_ports, image_inputs
from retinaface.export.foreign.probabilities import gives_probabilities
from retinaface.export.onnx_read import read_graph
from retinaface.export.stored_precision import stored_precision
from retinaface.files import new_file, refuse_pointer
from retinaface.formats.faults import FormatError
from retinaface.network.config import INPUT_NAME, OUTPUT_NAMES
from retinaface.telling.work import working
from retinaface.typing import Scores

# Part of the names in the cache: count up where copies change.
_VERSION = 1
_LOGITS = "--scores logits applies it to what the engine gives"


@dataclass(frozen=True)
class Adopted:
    """A file that engines can load.

    Attributes:
        path: The file itself, or a copy in the cache.
        source: The file that was given.
        notes: What was read into it, for the user and the record; empty for a file of this
            project's own form.
    """

    path: Path
    source: Path
    notes: tuple[str, ...] = ()


def adopt(file: Path, scores: Scores = "probabilities", *, takes_integers: bool = False) -> Adopted:
    """Check a file, and give it a form that every engine can load.

    Args:
        file: ONNX, of any exporter.
        scores: What its second output holds.
        takes_integers: Whether the engine may take quantised weights.

    Raises:
        ModelError: The file is damaged, no network of this kind, or its scores are others.
    """
    sha256 = model_sha256(file)
    try:
        found = _inspect(file, sha256, scores, takes_integers=takes_integers)
        path = _copy(file, sha256, found.ports) if found.ports and found.needs_copy else file
    except ModelError as error:
        raise ModelError(f"cannot use {file}: {shortened(str(error))}") from error
    return Adopted(path, file, found.notes)


class _Inspected(NamedTuple):
    """What a file holds; no ports where its engine joins nine heads itself, as ixRT's does."""

    ports: Ports | None
    needs_copy: bool
    notes: tuple[str, ...]


@functools.lru_cache(maxsize=32)  # a run opens one file many times, and shapes may take a run of it
def _inspect(file: Path, _sha256: str, scores: Scores, *, takes_integers: bool) -> _Inspected:
    """Check a file, once for each content."""
    model, is_external = _load(file)
    if not takes_integers:
        _check_floats(model)
    ports = find_ports(model)
    if ports is None:
        return _Inspected(None, needs_copy=False, notes=())
    _check_scores(model, ports, scores)
    notes = (*_told(ports), *_of_weights(file, is_external), *_of_calls(ports, scores))
    is_renamed = (ports.image, *ports.outputs) != (INPUT_NAME, *OUTPUT_NAMES)
    is_in_order = [value.name for value in model.graph.output] == list(OUTPUT_NAMES)
    return _Inspected(ports, is_renamed or is_external or not is_in_order, notes)


def _load(file: Path) -> tuple[onnx.ModelProto, bool]:
    """Read a file with its weights; tell whether they lie in other files."""
    others = weight_files(file)
    for path in others:
        refuse_pointer(path, ModelError)
    try:
        return read_graph(file), bool(others)
    except (FormatError, OSError) as error:
        raise ModelError(f"{error}; check the file") from error


def _check_floats(model: onnx.ModelProto) -> None:
    stored = stored_precision(model)
    if stored not in ("fp32", "fp16"):
        raise ModelError(
            f"its weights or activations are stored in {stored.upper()}, and the engine does not "
            "compute in that; take ort-cpu-int8 for INT8, or export with --precision fp32 or fp16"
        )


def _check_scores(model: onnx.ModelProto, ports: Ports, scores: Scores) -> None:
    conf = ports.outputs[1]
    if scores == "logits":
        if gives_probabilities(model, ports):
            raise ModelError(
                f"its scores, {conf}, are probabilities already; leave --scores logits out"
            )
    elif not gives_probabilities(model, ports):
        raise ModelError(
            f"its scores, {conf}, are no probabilities, since no softmax is in the graph; {_LOGITS}"
        )


def _told(ports: Ports) -> Iterator[str]:
    if (ports.image, *ports.outputs) != (INPUT_NAME, *OUTPUT_NAMES):
        pairs = zip(OUTPUT_NAMES, ports.outputs, strict=True)
        outputs = ", ".join(f"{own} is {name}" for own, name in pairs)
        yield f"input and outputs are told by shape: {outputs}"
    if ports.others:
        yield f"further outputs are not read: {shortened(', '.join(ports.others))}"


def _of_weights(file: Path, is_external: bool) -> Iterator[str]:
    if is_external:
        yield f"weights outside {file.name} belong to its identity, and run from one copy"


def _of_calls(ports: Ports, scores: Scores) -> Iterator[str]:
    if ports.batch is not None:
        images = f"{ports.batch} image{'s' * (ports.batch > 1)}"
        yield f"it takes {images} a call: larger batches are split"
    if scores == "logits":
        yield "softmax applied to its scores (--scores logits)"


def _copy(file: Path, sha256: str, ports: Ports) -> Path:
    """Write a copy with this project's names into the cache, once for each content.

    A copy that is not what was written there is made again.
    """
    key = f"{sha256} {ports} {_VERSION}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    path = cache_dir() / "models" / digest / file.name
    if not is_as_written(path):
        model, _ = _load(file)
        _rename(model.graph, ports)
        what = f"copying {file.name} into the cache, with this project's names{why_again(path)}"
        with working(what), new_file(path) as temporary:
            onnx.save(model, temporary)
        remember(path)
    return path


def _rename(graph: onnx.GraphProto, ports: Ports) -> None:
    """Rename input and outputs wherever they occur; a tensor that has such a name gets another."""
    own = dict(zip((ports.image, *ports.outputs), (INPUT_NAME, *OUTPUT_NAMES), strict=True))
    nodes = [node for part in _with_subgraphs(graph) for node in part.node]
    taken = {name for node in nodes for name in (*node.input, *node.output)}
    taken |= {tensor.name for tensor in graph.initializer}
    names = {name: f"{name}_of_the_file" for name in own.values() if name in taken - own.keys()}
    names |= own
    for node in nodes:
        for fields in (node.input, node.output):
            for i, name in enumerate(fields):
                fields[i] = names.get(name, name)
    for named in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        named.name = names.get(named.name, named.name)
    values = {value.name: value for value in graph.output}
    image = image_inputs(graph)
    images = {value.name for value in image}
    weights = [value for value in graph.input if value.name not in images]
    del graph.output[:], graph.input[:]
    graph.output.extend(values[name] for name in OUTPUT_NAMES)
    graph.input.extend([*image, *weights])
    _drop_dead_nodes(graph)


def _with_subgraphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        yield from _subgraphs(node)


def _subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """List the graphs inside a node, of any depth, as `If` and `Loop` have them."""
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from _with_subgraphs(graph)


def _drop_dead_nodes(graph: onnx.GraphProto) -> None:
    """Leave out nodes that no output needs; compilers would keep them."""
    needed = set(OUTPUT_NAMES)
    alive = []
    for node in reversed(graph.node):  # sorted: a node comes after its inputs
        if needed & set(node.output):
            alive.append(node)
            needed |= set(node.input)
            for part in _subgraphs(node):
                needed |= {name for inner in part.node for name in inner.input}
    del graph.node[:]
    graph.node.extend(reversed(alive))
