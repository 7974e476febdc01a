"""Choose the target that TVM compiles for, and compare it with this host's processor.

For an unknown processor LLVM compiles generic code with only a note on the terminal, and an
instruction that the host lacks ends the process. Both are refused in advance.
"""

from __future__ import annotations

import json
from typing import Any

from retinaface.engines.base import EngineSpec
from retinaface.errors import EngineUnavailable, first_line

CPU = "llvm"  # the kind of processors' targets, after their compiler
_LISTS = ("mattr", "keys", "libs")
# Prefixes of features that a compiler uses by itself; operating systems use the others.
_COMPUTING = ("sse", "ssse", "avx", "fma", "f16c", "bmi", "popcnt", "xop")


def target_and_device(spec: EngineSpec, tvm: Any) -> tuple[Any, Any]:
    """Choose target and device: those of the option, else this host's processor.

    Args:
        spec: Its option `target` is a kind (`llvm`), a kind with settings
            (`llvm -mcpu=x86-64-v3`), or JSON (`{"kind": "llvm", "mcpu": "x86-64-v3"}`).

    Raises:
        EngineUnavailable: TVM or LLVM does not know the target, or this machine lacks it.
    """
    text = spec.options.get("target")
    if text is None:
        return host_target(tvm), tvm.cpu()
    try:
        target = tvm.target.Target(_settings(text))
        kind = target.kind.name
        device = tvm.cpu() if kind == CPU else tvm.device(kind, 0)
        unknown = _find_unknown(tvm, target) if kind == CPU else None
    except Exception as error:  # TVM's exceptions share no base
        raise _no_target(spec, tvm, text, first_line(error)) from error
    if unknown:
        raise _no_target(spec, tvm, text, unknown)
    if not device.exist:
        raise EngineUnavailable(
            f"{spec.name}: target {text!r} compiles for {device}, which is not there; use a "
            "target of this machine"
        )
    if lacking := lacking_features(tvm, target):
        raise EngineUnavailable(
            f"{spec.name}: target {text!r} compiles for a processor with {', '.join(lacking[:6])}, "
            "which this one lacks, so it would end the process; use a target of this machine, or "
            "leave the option out"
        )
    return target, device


def lacking_features(tvm: Any, target: Any) -> list[str]:
    """List instructions that code for a target may use and that this host's processor lacks."""
    wanted = cpu_features(tvm, target) if target.kind.name == CPU else set()
    return [name for name in absent_features(tvm) if name in wanted and name.startswith(_COMPUTING)]


def has_wide_registers(tvm: Any, target: Any) -> bool:
    """Tell whether a target has 32 registers of 64 bytes, not 16 of 32 bytes."""
    return "avx512f" in cpu_features(tvm, target)


def host_target(tvm: Any) -> Any:
    """Name this host's processor, without the features that a hypervisor hides."""
    found = tvm.target.Target.from_device("cpu")
    wanted = cpu_features(tvm, found)
    if not (absent := [name for name in absent_features(tvm) if name in wanted]):
        return found
    return tvm.target.Target(json.loads(str(found)) | {"mattr": [f"-{name}" for name in absent]})


def _settings(text: str) -> str | dict[str, Any]:
    """Parse a target on the command line, in a form that TVM itself no longer reads."""
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
    """Describe the first part of a target that LLVM would ignore; None without one."""
    named = target.attrs.get("mcpu")
    if named and str(named) not in map(str, tvm.target.codegen.llvm_get_cpu_archlist(target)):
        return f"LLVM has no processor {str(named)!r}"
    features = cpu_features(tvm, target)
    for attribute in map(str, target.attrs.get("mattr", ())):
        if attribute[:1] not in "+-" or (attribute[0] == "+" and attribute[1:] not in features):
            return f"LLVM has no feature {attribute!r}"
    return None


def cpu_features(tvm: Any, target: Any) -> set[str]:
    """List the instructions that code for a target may use, by LLVM's names."""
    return {str(name) for name in tvm.target.codegen.llvm_get_cpu_features(target)}


def absent_features(tvm: Any) -> list[str]:
    """List the features that LLVM did not find in this host's processor."""
    found = tvm.get_global_func("tvm.codegen.llvm.GetHostCPUFeatures")()
    return sorted(str(name) for name, is_there in found.items() if not is_there)


def _no_target(spec: EngineSpec, tvm: Any, text: str, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{spec.name}: tvm {tvm.__version__} does not know target {text!r}: {why}; give llvm, with "
        "settings as in 'llvm -mcpu=x86-64-v3', or JSON"
    )
