"""Rows of the matrix, read from `versions.ini`."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).parent / "versions.ini"
COMMON, RUNTIME, EXPORT, AB = "common", "cpu", "export", "ab"
# Keys of a row that are no packages.
_SETTINGS = ("engines", "wheels", "distributions", "tag", "installed", "exporter", "opset")


class MatrixError(Exception):
    """Something that the caller can act on, in a line."""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        name: As in tox, without `validate-` or `export-`.
        packages: Versions by package.
        settings: What else the row says.
    """

    name: str
    packages: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_export(self) -> bool:
        """Whether it makes files, and so has torch."""
        return "torch" in self.packages

    @property
    def requirements(self) -> list[str]:
        """As pip takes them."""
        return [f"{name}=={version}" for name, version in self.packages.items()]


def read_rows(path: Path = TABLE) -> dict[str, Row]:
    """All rows by name, in the order of the table."""
    table = configparser.ConfigParser()
    table.read_string(path.read_text(encoding="utf-8"))
    rows = {}
    for name in table.sections():
        items = dict(table[name])
        settings = {key: items.pop(key) for key in _SETTINGS if key in items}
        rows[name] = Row(name, items, settings)
    return rows


def find_row(name: str, rows: Mapping[str, Row]) -> Row:
    """The row of a tox environment, such as `ort118`.

    Raises:
        MatrixError: There is none.
    """
    if name not in rows or name == COMMON:
        known = ", ".join(row for row in rows if row != COMMON)
        raise MatrixError(f"versions.ini has no row {name!r}; expected one of: {known}")
    return rows[name]


def runtime_packages(row: Row, rows: Mapping[str, Row]) -> dict[str, str]:
    """What a validating environment has: the common pins, and the row's own runtime.

    A row of an exporter is judged on the runtime of `[cpu]`, whatever made the file.
    """
    own = rows[RUNTIME].packages if row.is_export else row.packages
    return {**rows[COMMON].packages, **own}
