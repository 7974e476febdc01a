"""Merge what variables and a configuration file say for one command, with the origin of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retinaface.suite.settings.files import find_file, read_file
from retinaface.suite.settings.known import COMMANDS
from retinaface.suite.settings.variables import values_from, variable

# In place of a file: none is read.
NO_FILE = "none"


@dataclass(frozen=True)
class Value:
    """The values of an option that was not typed.

    Attributes:
        texts: As they would be typed: a flag is `true` or `false`.
        origin: The variable; or the file, and the key in it.
    """

    texts: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Settings:
    """The values for one command.

    Attributes:
        file: The configuration that was read; None for none.
        values: By name of the option.
        from_file: Names of those that come from the file.
    """

    file: Path | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    from_file: tuple[str, ...] = ()

    def texts(self, name: str) -> tuple[str, ...]:
        """Give the values of an option; empty where it has none."""
        return self.values[name].texts if name in self.values else ()

    @property
    def description(self) -> str:
        """Name the file, and the options that come from it; empty where none does."""
        return f"{self.file}: {', '.join(self.from_file)}" if self.from_file else ""


def read_settings(
    command: str, environ: Mapping[str, str], folder: Path, config: str | None = None
) -> Settings:
    """Read the settings of a command: a variable goes before the file.

    Args:
        command: Name of the command, as in `COMMANDS`.
        folder: Where the search for a file begins.
        config: The file to read, or `none`; None for the nearest one.

    Raises:
        TargetError: As `find_file` and `read_file` say.
    """
    file = None if config == NO_FILE else Path(config) if config else find_file(folder)
    values = {}
    if file is not None:
        tables = read_file(file.absolute())
        for name in COMMANDS[command]:
            table = command if name in tables.get(command, {}) else ""
            if name in tables[table]:
                key = f"[{table}] {name}" if table else name
                values[name] = Value(tables[table][name], f"{file}: {key}")
    typed = values_from(environ, command)
    from_file = tuple(name for name in values if name not in typed)
    values |= {name: Value(texts, variable(name)) for name, texts in typed.items()}
    return Settings(file, values, from_file)
