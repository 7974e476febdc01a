"""Options of an engine: refuse what its class does not declare, read what may be on or off."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from retinaface.errors import EngineUnavailable

# How alike two names are, from 0 to 1. What a provider takes is not known here, so that there only
# a name that can hardly be another one counts as a slip: `enable_cuda_graph` is 0.71 from
# `cuda_graphs`, and `fusion` 0.92 from `fusions`.
_ALIKE, _NEARLY_THE_SAME = 0.6, 0.8


def check_options(
    name: str, given: Mapping[str, str], known: Mapping[str, str], others_go_to: str | None = None
) -> None:
    """Refuse an option that is not declared, with the nearest that is.

    Args:
        name: Of the engine.
        given: Options by name.
        known: What each declared option does, by name; empty where its name says it.
        others_go_to: Who takes every other option. Then only what looks like a slip is refused.

    Raises:
        EngineUnavailable: Names the option, the known ones, and the nearest.
    """
    cutoff = _ALIKE if others_go_to is None else _NEARLY_THE_SAME
    for option in sorted(set(given) - set(known)):
        # Whatever their case: a compiler's names are in capitals.
        cased = {name.casefold(): name for name in known}
        alike = difflib.get_close_matches(option.casefold(), cased, n=1, cutoff=cutoff)
        nearest = [cased[name] for name in alike]
        if others_go_to is not None and not nearest:
            continue
        if not known:
            raise EngineUnavailable(
                f"{name} takes no options, got {', '.join(given)}; leave them out"
            )
        listed = ", ".join(f"{k} ({effect})" if effect else k for k, effect in known.items())
        others = f", or one of {others_go_to}" if others_go_to else ""
        step = f"did you mean {nearest[0]}?" if nearest else "leave it out"
        raise EngineUnavailable(
            f"{name}: unknown option {option!r}; expected one of: {listed}{others}; {step}"
        )


def is_on(name: str, options: Mapping[str, str], option: str, *, default: bool) -> bool:
    """Read an option that is `on` or `off`.

    Raises:
        EngineUnavailable: It is neither.
    """
    value = options.get(option, "on" if default else "off")
    if value not in ("on", "off"):
        raise EngineUnavailable(f"{name}: option {option} must be on or off, got {value!r}")
    return value == "on"
