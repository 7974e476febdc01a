"""Modules that stand in for those of a runtime, and the calls that were made of them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ClassVar, TypeVar

_Self = TypeVar("_Self", bound="FakeModules")


class FakeModules:
    """The base of every stand-in.

    Attributes:
        packages: Top-level packages whose own modules, if any are loaded, step aside.
        calls: Each call with its arguments, in order.
        modules: By name.
    """

    packages: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.modules: dict[str, ModuleType] = {}

    def make(self, parts: Mapping[str, Mapping[str, Any]], lacks: Collection[str]) -> None:
        """Make the modules.

        Args:
            parts: What each module holds, parents before children.
            lacks: Modules, and names inside modules as `module.name`, to leave out.
        """
        self.modules = {name: ModuleType(name) for name in parts if name not in lacks}
        for name, module in self.modules.items():
            module.__spec__ = ModuleSpec(name, None)  # torch's exporter asks whether they are there
            for key, value in parts[name].items():
                if f"{name}.{key}" not in lacks:
                    setattr(module, key, value)
            parent, _, child = name.rpartition(".")
            if parent in self.modules:
                setattr(self.modules[parent], child, module)

    def install(self: _Self, monkeypatch: Any) -> _Self:
        """Stand in for the packages until the test ends."""
        for name in [m for m in sys.modules if m.partition(".")[0] in self.packages]:
            monkeypatch.delitem(sys.modules, name)
        for name, module in self.modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        return self

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """List the calls of one function."""
        return [call for call in self.calls if call[0] == name]
