"""Read options from `RETINAFACE_*` variables, and refuse unknown ones."""

from __future__ import annotations

from collections.abc import Mapping

from retinaface.errors import nearest
from retinaface.suite.options import TargetError
from retinaface.suite.settings.known import COMMANDS, KNOWN, MUST_BE_TYPED, TYPED

PREFIX = "RETINAFACE_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
# Variables that are no options of a command: folders, and the configuration file itself.
OTHERS = ("ASSETS", "CACHE", "GOLDEN", "CONFIG")


def variable(name: str) -> str:
    """Name the variable of an option."""
    return PREFIX + name.upper().replace("-", "_")


def check_environment(environ: Mapping[str, str]) -> None:
    """Refuse an unknown `RETINAFACE_*` variable: a misspelled one would change nothing.

    Raises:
        TargetError: Names the variable and the nearest known one.
    """
    ours = [*map(variable, KNOWN), *(PREFIX + name for name in OTHERS)]
    for name in sorted(environ):
        if name in map(variable, TYPED):
            raise TargetError(f"{name}: --{TYPED[0]} and --{TYPED[1]} {MUST_BE_TYPED}; unset it")
        if name.startswith(PREFIX) and name not in ours:
            near = nearest(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in ours])
            step = (
                f"did you mean {PREFIX}{near}?"
                if near
                else f"expected {PREFIX} and the name of an option, as in {variable('engine-file')}"
            )
            raise TargetError(f"unknown environment variable {name}; {step}")


def values_from(environ: Mapping[str, str], command: str) -> dict[str, tuple[str, ...]]:
    """Read the options of a command; an empty variable counts as not set."""
    found = {name: KNOWN[name].split(environ.get(variable(name), "")) for name in COMMANDS[command]}
    return {name: tuple(values) for name, values in found.items() if values}
