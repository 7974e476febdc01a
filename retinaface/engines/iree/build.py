"""Compile an ONNX file with IREE for a processor; the module is a file (.vmfb)."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retinaface.engines.base import EngineSpec
from retinaface.engines.builds import cached_build, refusing
from retinaface.engines.importing import importing
from retinaface.engines.onnx_model import check_file, model_of
from retinaface.environment import cpu_flags, cpu_model, package_versions
from retinaface.errors import EngineUnavailable, first_line
from retinaface.temporaries import scratch_dir

if TYPE_CHECKING:
    import onnx

INSTALL = "install the extra 'iree'"
HOST = "host"  # the compiler's word for the processor that it runs on
# IREE's importer reads some operators only as later opsets write them; an older file is converted
# to this one.
_OLDEST_OPSET = 17
_DIAGNOSTICS = "Diagnostics:"  # what the compiler's error begins its own lines with
_ENTRY = "retinaface"  # the name of the graph, which becomes that of the module's function


def target_cpu(spec: EngineSpec) -> str:
    """Name the processor to compile for, as LLVM does; `host` for this one."""
    return spec.options.get("target_cpu", HOST)


def built_module(spec: EngineSpec) -> tuple[Path, int | None]:
    """Compile the model of a specification, or find its module in the cache.

    Returns:
        The module, and the only batch size that it takes; None where it takes any.

    Raises:
        EngineUnavailable: The compiler is not installed, or cannot compile the file.
    """
    with importing(f"{spec.name}: IREE's compiler", INSTALL):
        import iree.compiler  # noqa: F401 - before an export is made in vain
    model = model_of(spec)
    batch = check_file(spec, model)
    cpu = target_cpu(spec)
    key = {
        "target_cpu": cpu,
        # What `host` stands for.
        "host": [cpu_model(), *sorted(cpu_flags())] if cpu == HOST else None,
        "packages": package_versions(("iree-base-compiler", "onnx")),
        "code": [inspect.getsource(part) for part in (_prepared, _compile)],
    }

    def build(path: Path) -> None:
        from iree.compiler.tools import CompilerToolError

        doing = f"{spec.name}: IREE cannot compile {spec.given or model} for {cpu}"
        with refusing(doing):
            try:
                path.write_bytes(_compile(model, cpu))
            except CompilerToolError as error:
                said = str(error).rpartition(_DIAGNOSTICS)[2].strip()
                raise EngineUnavailable(
                    f"{doing}: {first_line(ValueError(said))}; check the option target_cpu and "
                    "the file"
                ) from error

    return cached_build(spec, model, ".vmfb", key, build), batch


def _compile(model: Path, cpu: str) -> bytes:
    """Import the file as IREE's compiler reads it, and compile it for one processor."""
    import onnx
    from iree.compiler import tools
    from iree.compiler.tools.import_onnx import __main__ as importer

    with scratch_dir() as folder:
        prepared, imported = folder / "model.onnx", folder / "model.mlir"
        onnx.save(_prepared(onnx.load(model)), prepared)
        importer.main(importer.parse_arguments([str(prepared), "-o", str(imported)]))
        module = tools.compile_file(
            str(imported),
            input_type="onnx",
            target_backends=["llvm-cpu"],
            extra_args=[f"--iree-llvmcpu-target-cpu={cpu}"],
        )
    if not module:
        raise EngineUnavailable("IREE's compiler wrote no module; try another version of it")
    return bytes(module)


def _prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """Convert to an opset that the importer reads, with all tensors in raw form.

    The importer refuses FP16 in ONNX's other form, a list of numbers.
    """
    from onnx import AttributeProto, TensorProto, numpy_helper, version_converter

    from retinaface.export.onnx_graph import opset_of

    if opset_of(model) < _OLDEST_OPSET:
        model = version_converter.convert_version(model, _OLDEST_OPSET)
    model.graph.name = _ENTRY
    constants = [
        attribute.t
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.type == AttributeProto.TENSOR
    ]
    tensors: list[Any] = [*model.graph.initializer, *constants]
    for tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT16 and not tensor.HasField("raw_data"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    return model
