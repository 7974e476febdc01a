"""ONNX files, what lies outside them, their manifests, references and builds."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.target import Target

_BUILD_ENGINE = "igie-iluvatar-fp16"


def _make_exported(folder: Path) -> None:
    """Write a graph with the convolutions of the network, small by its weights in one file."""
    from tests.support.made.onnx_models import write_heads

    write_heads(folder / "x.onnx")


def _make_tiny(folder: Path) -> list[bytes]:
    from retinaface.export.tiny_model import write_model
    from tests.support.made.onnx_models import write_convolutions

    write_model(folder / "x.onnx")
    more = folder / "more.onnx"
    write_convolutions(more)
    data = more.read_bytes()
    more.unlink()
    return [data]


def _make_foreign(folder: Path) -> list[bytes]:
    """Write a file with other names and a free batch; two more state sizes, or compute a shape."""
    import onnx
    from onnx import helper

    from retinaface.export.tiny_model import write_model

    more = []
    for batch, size in (("n", (320, 320)), (2, (64, 96)), (1, ("h", "w"))):
        write_model(folder / "x.onnx", batch=batch, size=size, outputs=("output", "607", "606"))
        model = onnx.load(folder / "x.onnx")
        if batch == 2:  # its shape is known only after a run
            boxes = next(node for node in model.graph.node if "output" in node.output)
            boxes.output[0] = "whole"
            model.graph.node.append(helper.make_node("NonZero", ["607"], ["places"]))
            model.graph.node.append(helper.make_node("Identity", ["whole"], ["output"]))
            model.graph.output.append(helper.make_empty_tensor_value_info("places"))
            onnx.save(model, folder / "x.onnx")
        more.append((folder / "x.onnx").read_bytes())
    (folder / "x.onnx").write_bytes(more[0])
    return more[1:]


def _adopt(folder: Path) -> None:
    from retinaface.export.foreign.adopt import adopt

    adopt(folder / "x.onnx")


def _verify(folder: Path) -> None:
    from retinaface.errors import ExportError
    from retinaface.export.interface import interface_of
    from retinaface.export.options import ExportOptions
    from retinaface.export.verification import check_standard, verify

    path = folder / "x.onnx"
    try:
        verify(path, interface_of(ExportOptions(opset=13, precision="fp32")), "fp32")
    except ExportError as error:
        if "not what was asked for" not in str(error):
            raise
    check_standard(path)


@functools.cache
def _model() -> Any:
    from retinaface.embedded import embedded_checkpoint
    from retinaface.network.checkpoint import load_model

    return load_model(embedded_checkpoint()).model


def _match_layers(folder: Path) -> None:
    from retinaface.export.layer_match import match_convolutions

    match_convolutions(_model(), folder / "x.onnx")


def _make_layers(folder: Path) -> None:
    """Write a file with the kernels of the network: two quantised, one before a batch norm."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from retinaface.reference.layers_from_torch import torch_convolutions

    nodes, constants = [], []

    def constant(name: str, values: Any, kind: type = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    for i, layer in enumerate(torch_convolutions(_model())):
        n_out = len(layer.bias)
        # Zeros, so that stored cases are short.
        kernel = constant(f"w{i}", np.zeros(layer.kernel.shape), np.int8 if i < 2 else np.float32)
        if i < 2:
            scale = constant(f"s{i}", np.ones(n_out if i else ()))
            zero = constant(f"z{i}", np.zeros(n_out if i else ()), np.int8)
            inputs, axis = [kernel, scale, zero], {"axis": 0} if i else {}
            nodes.append(helper.make_node("DequantizeLinear", inputs, [f"q{i}"], **axis))
            kernel = f"q{i}"
        bias = constant(f"b{i}", np.zeros(n_out))
        nodes.append(helper.make_node("Conv", ["input", kernel, bias], [f"c{i}"]))
        if i == 2:
            ones = [constant(f"n{j}", np.ones(n_out)) for j in range(4)]
            nodes.append(helper.make_node("BatchNormalization", [f"c{i}", *ones], ["norm"]))
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 320, 320])
        for name in ("input", "c5")
    ]
    graph = helper.make_graph(nodes, "layers", ports[:1], ports[1:], constants)
    opsets = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=7), folder / "x.onnx")


def _make_layers_outside(folder: Path) -> None:
    from tests.support.foreign_files import move_weights_outside

    _make_layers(folder)
    move_weights_outside(folder / "x.onnx")


def _specify(folder: Path) -> None:
    """Read a file as an engine's are read, up to where the runtime gets it."""
    from retinaface.engines.onnx_model import check_file
    from retinaface.engines.specify import specify
    from retinaface.export.external_data import model_sha256

    spec = specify("ort-cpu-fp32", model=folder / "x.onnx", max_batch=2)
    assert spec.model is not None
    check_file(spec, spec.model)
    model_sha256(folder / "x.onnx")


def _to_build_from(folder: Path) -> None:
    from retinaface.engines.sources import read_source
    from retinaface.engines.spec import EngineSpec

    spec = EngineSpec("tvm-llvm-fp32", "fp32", "cpu", model=folder / "x.onnx")
    read_source(spec, (320, 320))


def _make_external(folder: Path) -> None:
    from tests.support.foreign_files import move_weights_outside

    _make_exported(folder)
    move_weights_outside(folder / "x.onnx")


def _make_manifest(folder: Path) -> None:
    from tests.support.made.manifests import write_manifest_of

    (folder / "x.onnx").write_bytes(b"x")
    write_manifest_of(folder / "x.onnx", exported={"Conv": 56}, simplified={"Conv": 50})


def _read_manifest(folder: Path) -> None:
    from retinaface.export.manifest import read_manifest

    read_manifest(folder / "x.onnx")


def _make_build_manifest(folder: Path) -> None:
    from retinaface.export.build_manifest import BuildManifest, write_build_manifest
    from retinaface.storage.hashing import file_sha256

    file = folder / "x.so"
    file.write_bytes(b"a build")
    manifest = BuildManifest(
        file=file.name,
        sha256=file_sha256(file),
        engine=_BUILD_ENGINE,
        precision="fp16",
        batch=32,
        size_px=(320, 320),
        options={"batch": "32"},
        runtime="igie 0.18.0",
        source="x.onnx",
        source_sha256="0" * 64,
        versions={"onnx": "1.23.2"},
        build_s=2.5,
        created="2026-11-27T00:00:00+00:00",
    )
    write_build_manifest(file, manifest)


def _check_build(folder: Path) -> None:
    from retinaface.export.build_manifest import check_build

    check_build(_BUILD_ENGINE, "fp16", folder / "x.so")


def _make_reference(folder: Path) -> None:
    from retinaface.network.config import OUTPUT_NAMES
    from retinaface.reference.stored import ReferenceCase, save_reference

    widths = zip(OUTPUT_NAMES, (4, 2, 10), strict=True)
    exact = {name: np.full((2, 21, n), 0.25) for name, n in widths}
    single = {name: array.astype(np.float32) for name, array in exact.items()}
    images = np.zeros((2, 3, 16, 16), np.float32)
    cases = [ReferenceCase(name, images, exact, single, single) for name in ("scene", "noise")]
    save_reference(folder / "x.reference.npz", cases)


def _load_reference(folder: Path) -> None:
    from retinaface.reference.stored import join_cases, load_reference, reference_names

    path = folder / "x.reference.npz"
    reference_names(path)
    for case in load_reference(path):
        for precision in ("fp32", "fp16"):
            case.rounded(precision)
        joined = join_cases("both", [case, case]).take(np.array([0, 0]))
        for name, exact in joined.exact.items():
            np.abs(joined.float32[name] - exact).max(initial=0.0)


TARGETS = (
    Target("onnx.verify", "onnx", "x.onnx", _make_tiny, _verify),
    Target("onnx.layers", "onnx", "x.onnx", _make_layers, _match_layers, cost=2),
    Target("onnx.engine", "onnx", "x.onnx", _make_exported, _specify),
    Target("onnx.foreign", "onnx", "x.onnx", _make_foreign, _adopt),
    Target("onnx.build-source", "onnx", "x.onnx", _make_exported, _to_build_from),
    Target("onnx.external", "onnx", "x.onnx", _make_external, _specify),
    Target(
        "onnx.external-data", "bytes", "weights.bin", _make_layers_outside, _match_layers, cost=2
    ),
    Target("reference.npz", "npz", "x.reference.npz", _make_reference, _load_reference),
    Target("manifest.export", "json", "x.json", _make_manifest, _read_manifest),
    Target("manifest.build", "json", "x.so.json", _make_build_manifest, _check_build),
)
