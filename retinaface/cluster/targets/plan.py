"""Read a plan: targets, each with options of `validate`, and where and how it runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from retinaface.errors import RetinaFaceError, nearest
from retinaface.suite.options import OPTIONS
from retinaface.suite.settings.files import read_options
from retinaface.suite.settings.toml_text import read_toml

DEFAULTS, TARGET = "defaults", "target"
# Where the record goes is the matrix's business.
_NAMES = (*(one.name for one in OPTIONS if not one.typed and one.name != "record"), "quick")
_NAMES += ("timeout",)
_UNTIMED = "not speed"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_Positive = Annotated[float, Meta(gt=0)]


class PlanError(RetinaFaceError, ValueError):
    """A plan cannot be read, contradicts itself, or names what is not known."""


class OwnKeys(Struct, kw_only=True, rename="kebab"):
    """What a target says beside the options of `validate`.

    Attributes:
        name: Of its row and of the folder of its record.
        python: An interpreter or an environment on the worker; empty for the worker's own.
        needs: What a worker must have declared, as in `dask worker --resources "GPU=1"`.
        time_limit: Seconds until a target that has not ended is ended, and is a FAIL.
        env: Variables of its process, beside the worker's.
        alone: Nothing else runs on its machine meanwhile. Without that it takes no times.
        keywords: Tests by name, as `validate -k`.
        markers: Tests by mark, as `validate -m`.
    """

    name: str = ""
    python: str = ""
    needs: dict[str, _Positive] = {}
    time_limit: _Positive = 3600
    env: dict[str, str] = {}
    alone: bool = True
    keywords: str = ""
    markers: str = ""


_OWN = tuple(one.encode_name for one in msgspec.structs.fields(OwnKeys))


@dataclass(frozen=True)
class Target:
    """One run of `validate`: a row of the matrix.

    Attributes:
        name: Unique in its plan.
        own: Where and how it runs.
        options: Of `validate`, by name, as they would be typed.
    """

    name: str
    own: OwnKeys
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """Write what a worker must have: `GPU=1`; empty where any will do."""
        return ", ".join(f"{name}={value:g}" for name, value in self.own.needs.items())

    @property
    def arguments(self) -> list[str]:
        """Give the arguments of `validate`."""
        words = []
        for name, values in self.options.items():
            if name == "quick":
                words.append("--quick" if values == ("true",) else "--full")
            else:
                words += [f"--{name}={value}" for value in values]
        markers = self.own.markers
        if not self.own.alone:
            markers = f"({markers}) and {_UNTIMED}" if markers else _UNTIMED
        for flag, expression in (("-k", self.own.keywords), ("-m", markers)):
            words += [flag, expression] if expression else []
        return words


def read_plan(file: Path) -> list[Target]:
    """Read the targets of a plan, in their order.

    A key of a target goes before that of `[defaults]`. Relative paths begin in the plan's folder.

    Raises:
        PlanError: The file cannot be read, has no target, or two of one name; or a value is wrong.
        TargetError: An unknown key, another type, an unknown choice of an option of `validate`.
    """
    content = _load(file)
    for key in content:
        if key not in (DEFAULTS, TARGET):
            near = nearest(key, (DEFAULTS, TARGET))
            hint = f"did you mean {near}?" if near else "expected [defaults] and [[target]]"
            raise PlanError(f"{file}: unknown key {key}; {hint}")
    defaults, tables = content.get(DEFAULTS, {}), content.get(TARGET, [])
    if not isinstance(defaults, dict):
        raise PlanError(f"{file}: {DEFAULTS} should be a table; write [{DEFAULTS}]")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PlanError(f"{file}: {TARGET} should be a list of tables; write [[{TARGET}]]")
    if not tables:
        raise PlanError(f"{file} has no target; write a table [[{TARGET}]] for each")
    if "name" in defaults:
        raise PlanError(f"{file}: [{DEFAULTS}] name: each target has a name of its own; move it")
    own, options = _read_table(file, defaults, f"{file}: [{DEFAULTS}] ")
    targets = []
    for number, table in enumerate(tables, start=1):
        place = f"{file}: [[{TARGET}]] {number}: "
        own_keys, own_options = _read_table(file, table, place)
        keys = msgspec.convert(own | own_keys, OwnKeys)
        targets.append(_target(place, keys, options | own_options))
    _check_names(file, targets)
    return targets


def _load(file: Path) -> dict[str, Any]:
    try:
        return read_toml(file, PlanError)
    except OSError as error:
        raise PlanError(f"cannot read the plan {file}: {error.strerror}; name another") from error


def _read_table(
    file: Path, table: Mapping[str, Any], place: str
) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """Read what a table says of its own, and the options of `validate` in it."""
    own = {key: value for key, value in table.items() if key in _OWN}
    try:
        msgspec.convert(own, OwnKeys)
    except msgspec.ValidationError as error:  # it names the key, as `$.time-limit`
        text = str(error).replace(" - at `$.", " in `")
        raise PlanError(f"{place}{text}; correct it") from error
    folder = file.absolute().parent
    if "/" in own.get("python", "") and not own["python"].startswith("~"):
        own["python"] = str(folder / own["python"])
    rest = {key: value for key, value in table.items() if key not in _OWN}
    whose = "retinaface validate --help"
    return own, read_options(rest, _NAMES, place, folder, whose=whose, others=_OWN)


def _target(place: str, own: OwnKeys, options: Mapping[str, tuple[str, ...]]) -> Target:
    """Make a target; one without a name gets that of its engines, pipelines and batch."""
    if not own.alone and "soak" in options:
        raise PlanError(
            f"{place}alone = false leaves out all times, and soak takes some; remove one of them"
        )
    name = own.name or _name_of(options)
    if not _NAME.fullmatch(name):
        raise PlanError(
            f"{place}name {name!r}: expected at most 100 letters, digits, - and _; a folder is "
            "named after it"
        )
    return Target(name, own, options)


def _name_of(options: Mapping[str, tuple[str, ...]]) -> str:
    parts = [*options.get("engine", ("default",)), *options.get("pipeline", ())]
    parts += [f"b{batch}" for batch in options.get("batch", ())]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(parts))


def _check_names(file: Path, targets: list[Target]) -> None:
    """Refuse two targets of one name, also on a file system that ignores upper case."""
    counts = Counter(target.name.casefold() for target in targets)
    name, n = counts.most_common(1)[0]
    if n > 1:
        raise PlanError(f"{file}: {n} targets are named {name}; give each a name = ... of its own")
