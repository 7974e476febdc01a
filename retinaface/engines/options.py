"""Refuse options that an engine's class does not declare, and read on/off options."""

from __future__ import annotations

from collections.abc import Mapping

from retinaface.errors import SIMILAR, EngineUnavailable, nearest

# A provider's options are unknown here, so for one
# only a nearly equal name counts as a typo: `enable_cuda_graph` scores 0.71 with `cuda_graphs`, and
# `fusion` scores 0.92 with `fusions`.
_NEARLY_EQUAL = 0.8


def check_options(
    name: str, given: Mapping[str, str], known: Mapping[str, str], others_go_to: str | None = None
) -> None:
    """Refuse an undeclared option, and suggest the nearest declared one.

    Args:
        name: Name of the engine.
        given: Values of options by name.
        known: Effects of the declared options by name; empty where the name says it.
        others_go_to: What takes all other options; then only a likely typo is refused.

    Raises:
        EngineUnavailable: An option is undeclared; the message lists the declared ones.
    """
    similar = SIMILAR if others_go_to is None else _NEARLY_EQUAL
    for option in sorted(set(given) - set(known)):
        near = nearest(option, known, similar=similar)
        if others_go_to is not None and near is None:
            continue
        if not known:
            raise EngineUnavailable(
                f"{name} takes no options, got {', '.join(given)}; leave them out"
            )
        listed = ", ".join(f"{k} ({effect})" if effect else k for k, effect in known.items())
        others = f", or an option of {others_go_to}" if others_go_to else ""
        step = f"did you mean {near}?" if near else "leave it out"
        raise EngineUnavailable(
            f"{name}: unknown option {option!r}; expected one of: {listed}{others}; {step}"
        )


def is_on(name: str, options: Mapping[str, str], option: str, *, default: bool) -> bool:
    """Read an `on` or `off` option.

    Raises:
        EngineUnavailable: The value is neither.
    """
    value = options.get(option, "on" if default else "off")
    if value not in ("on", "off"):
        raise EngineUnavailable(f"{name}: option {option} must be on or off, got {value!r}")
    return value == "on"
