"""Find a configuration file, read it, and refuse what no command would use.

`retinaface.toml`, or the table `[tool.retinaface]` of `pyproject.toml`: keys are names of options.
Those at the top hold for every command that has the option, those in a table of a command's name
for that command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retinaface.errors import nearest, unknown
from retinaface.suite.options import Option, TargetError
from retinaface.suite.settings.known import COMMANDS, KNOWN, MUST_BE_TYPED, TYPED
from retinaface.suite.settings.toml_text import read_toml

OWN_FILE, SHARED_FILE = "retinaface.toml", "pyproject.toml"
_TABLE = "tool.retinaface"
_KINDS = {"count": "a whole number", "number": "a number", "flag": "true or false"}


def find_file(folder: Path, home: Path | None = None) -> Path | None:
    """Find the nearest configuration file; None where there is none.

    The search goes up from the folder to the root of the repository or to home; outside both, it
    ends in the folder itself, because `/tmp` belongs to everybody.
    """
    home = home or Path.home()
    above = [folder, *folder.parents]
    ends = (i for i, one in enumerate(above) if one == home or (one / ".git").exists())
    for one in above[: next(ends, 0) + 1]:
        if (one / OWN_FILE).is_file():
            return one / OWN_FILE
        shared = one / SHARED_FILE
        if shared.is_file() and _own_table(shared, _load(shared)) is not None:
            return shared
    return None


def read_file(file: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read a configuration file.

    Returns:
        Values by option, by command; `""` is for all commands.

    Raises:
        TargetError: The file cannot be read; or an unknown key, another type, an unknown choice.
    """
    content = _load(file)
    if file.name == SHARED_FILE:
        table = _own_table(file, content)
        if table is None:
            raise TargetError(f"{file} has no table [{_TABLE}]; add one, or name another file")
        content = table
    everywhere = {name: value for name, value in content.items() if not isinstance(value, Mapping)}
    tables = {name: value for name, value in content.items() if isinstance(value, Mapping)}
    for name in tables:
        if name not in COMMANDS:
            near = nearest(name, [one for one, options in COMMANDS.items() if options])
            hint = f"did you mean [{near}]?" if near else "expected the name of a command"
            raise TargetError(f"{file}: unknown table [{name}]; {hint}")
    found = {"": _options(file, everywhere, tuple(KNOWN), "")}
    return found | {name: _options(file, t, COMMANDS[name], name) for name, t in tables.items()}


def _load(file: Path) -> dict[str, Any]:
    try:
        return read_toml(file, TargetError)
    except OSError as error:
        raise TargetError(
            f"cannot read the configuration {file}: {error.strerror}; name another with --config"
        ) from error


def _own_table(file: Path, content: Mapping[str, Any]) -> dict[str, Any] | None:
    tools = content.get("tool", {})
    table = tools.get("retinaface") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise TargetError(f"{file}: {_TABLE} should be a table; write [{_TABLE}]")
    return table


def _options(
    file: Path, table: Mapping[str, Any], names: tuple[str, ...], command: str
) -> dict[str, tuple[str, ...]]:
    """Read the options of one table; `command` is empty for all commands."""
    place = f"{file}: [{command}] " if command else f"{file}: "
    whose = f"retinaface {command or 'COMMAND'} --help"
    return read_options(table, names, place, file.parent, whose=whose)


def read_options(
    table: Mapping[str, Any],
    names: Sequence[str],
    place: str,
    folder: Path,
    *,
    whose: str,
    others: Sequence[str] = (),
) -> dict[str, tuple[str, ...]]:
    """Read options as they would be typed.

    Args:
        table: Values by name.
        names: Options that may stand there.
        place: The file, and the table in it, before the key in a message: `FILE: [bench] `.
        folder: Where relative paths begin.
        whose: The command that lists the options.
        others: Further keys that may stand there, which a misspelled one may mean.

    Raises:
        TargetError: An unknown key, another type, an unknown choice.
    """
    found = {}
    for key, value in table.items():
        if key not in names:
            raise TargetError(f"{place}{key}: {_unknown_key(key, (*names, *others), whose)}")
        found[key] = tuple(_values(f"{place}{key}", KNOWN[key], value, folder))
    return found


def _unknown_key(key: str, names: tuple[str, ...], whose: str) -> str:
    if key in TYPED:
        return f"{MUST_BE_TYPED}; remove it here"
    near = nearest(key, names)
    return f"unknown option; {f'did you mean {near}?' if near else f'{whose} lists them'}"


def _values(where: str, option: Option, value: Any, folder: Path) -> list[str]:
    """Give values as they would be typed; relative paths begin in the folder of the file."""
    many = option.separator is not None and isinstance(value, list)
    return [_text(where, option, one, folder) for one in (value if many else [value])]


def _text(where: str, option: Option, value: Any, folder: Path) -> str:
    is_word = isinstance(value, str) and value in option.words
    number = int if option.kind == "count" else (int, float)
    fits = {
        "count": isinstance(value, number) and not isinstance(value, bool),
        "number": isinstance(value, number) and not isinstance(value, bool),
        "flag": isinstance(value, bool),
    }.get(option.kind, isinstance(value, str))
    if not (fits or is_word):
        expected = _KINDS.get(option.kind, "a string")
        expected += "".join(f', or "{word}"' for word in option.words if option.kind in _KINDS)
        expected += ", or a list of them" if option.separator else ""
        raise TargetError(f"{where}: expected {expected}, got {_toml(value)}")
    if option.choices and value not in option.choices:
        raise TargetError(f"{where}: {unknown('unknown value', value, option.choices)}")
    if option.kind == "path" and not is_word and "://" not in value:
        return str(folder / Path(value).expanduser())
    return _toml(value) if isinstance(value, bool) else str(value)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
