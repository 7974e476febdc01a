"""What TVM compiles for: read from an option, and compared with what this host's processor has.

LLVM compiles for a generic processor where it does not know the named one, and says so on the
terminal alone; and an instruction that the host lacks ends the process. Both are refused before.
"""

from __future__ import annotations

import json
from typing import Any

from retinaface.engines.base import EngineSpec
from retinaface.errors import EngineUnavailable, first_line

CPU = "llvm"  # what targets of processors are called, by their compiler
_LISTS = ("mattr", "keys", "libs")
# Prefixes of features that a compiler uses by itself; others are for systems.
_COMPUTING = ("sse", "ssse", "avx", "fma", "f16c", "bmi", "popcnt", "xop")


def target_and_device(spec: EngineSpec, tvm: Any) -> tuple[Any, Any]:
    """Choose what to compile for, and where to run: the option's, else this host's processor.

    Args:
        spec: Option `target` is a kind (`llvm`), a kind with settings (`llvm -mcpu=x86-64-v3`), or
            JSON (`{"kind": "llvm", "mcpu": "x86-64-v3"}`).

    Raises:
        EngineUnavailable: TVM or LLVM knows no such target, or it is none of this machine.
    """
    text = spec.options.get("target")
    if text is None:
        return host_target(tvm), tvm.cpu()
    try:
        target = tvm.target.Target(_settings(text))
        kind = target.kind.name
        device = tvm.cpu() if kind == CPU else tvm.device(kind, 0)
        unknown = _find_unknown(tvm, target) if kind == CPU else None
    except Exception as error:  # TVM's exceptions have no base of their own
        raise _no_target(spec, tvm, text, first_line(error)) from error
    if unknown:
        raise _no_target(spec, tvm, text, unknown)
    if not device.exist:
        raise EngineUnavailable(
            f"{spec.name}: target {text!r} compiles for {device}, which is not there; take a "
            "target of this machine"
        )
    if lacking := lacking_features(tvm, target):
        raise EngineUnavailable(
            f"{spec.name}: target {text!r} compiles for a processor with {', '.join(lacking[:6])}, "
            "which this one lacks, so it would end the process; take a target of this machine, or "
            "leave the option out"
        )
    return target, device


def lacking_features(tvm: Any, target: Any) -> list[str]:
    """List instructions that code for a target may hold and that this host's processor lacks."""
    wanted = cpu_features(tvm, target) if target.kind.name == CPU else set()
    return [name for name in absent_features(tvm) if name in wanted and name.startswith(_COMPUTING)]


def has_wide_registers(tvm: Any, target: Any) -> bool:
    """Tell whether 32 registers of 64 bytes hold what is computed, and not 16 of half of that."""
    return "avx512f" in cpu_features(tvm, target)


def host_target(tvm: Any) -> Any:
    """Name this host's processor, without what its model has and a hypervisor hides."""
    found = tvm.target.Target.from_device("cpu")
    wanted = cpu_features(tvm, found)
    if not (absent := [name for name in absent_features(tvm) if name in wanted]):
        return found
    return tvm.target.Target(json.loads(str(found)) | {"mattr": [f"-{name}" for name in absent]})


def _settings(text: str) -> str | dict[str, Any]:
    """Read a target as TVM does; TVM has given up its own form of the command line."""
    if text.lstrip().startswith("{"):
        return dict(json.loads(text))
    kind, *words = text.split() or [""]
    if not words:
        return kind
    settings: dict[str, Any] = {"kind": kind}
    for word in words:
        name, equals, value = word.removeprefix("-").partition("=")
        if not word.startswith("-") or not equals:
            raise ValueError(f"{word!r} is not of the form -NAME=VALUE")
        number = int(value) if value.isascii() and value.isdigit() else value
        settings[name] = value.split(",") if name in _LISTS else number
    return settings


def _find_unknown(tvm: Any, target: Any) -> str | None:
    """Say in words what LLVM would ignore in a target."""
    named = target.attrs.get("mcpu")
    if named and str(named) not in map(str, tvm.target.codegen.llvm_get_cpu_archlist(target)):
        return f"LLVM has no processor {str(named)!r}"
    features = cpu_features(tvm, target)
    for attribute in map(str, target.attrs.get("mattr", ())):
        if attribute[:1] not in "+-" or (attribute[0] == "+" and attribute[1:] not in features):
            return f"LLVM has no feature {attribute!r}"
    return None


def cpu_features(tvm: Any, target: Any) -> set[str]:
    """List the instructions that code for a target may hold, as LLVM calls them."""
    return {str(name) for name in tvm.target.codegen.llvm_get_cpu_features(target)}


def absent_features(tvm: Any) -> list[str]:
    """List what LLVM looked for in this host's processor and did not find."""
    found = tvm.get_global_func("tvm.codegen.llvm.GetHostCPUFeatures")()
    return sorted(str(name) for name, is_there in found.items() if not is_there)


def _no_target(spec: EngineSpec, tvm: Any, text: str, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{spec.name}: tvm {tvm.__version__} knows no target {text!r}: {why}; give llvm, with "
        "settings as in 'llvm -mcpu=x86-64-v3', or JSON"
    )
