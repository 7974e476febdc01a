"""Files that say what to run: options, plans of a matrix, and lists inside of other files."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.target import Target

_OPTIONS = """\
# Options of this board.
[validate]
engine = ["ort-cpu-fp32", "ort-cpu-fp16"]
pipeline = "igie"
batch = 32
widerface = "data"
soak = 5.5
"""
_PLAN = """\
[defaults]
pipeline = ["igie"]
time-limit = 3600

[[target]]
name = "one"
engine = ["ort-cpu-fp32"]
batch = 32

[[target]]
engine = ["ort-cpu-fp16"]
alone = false
python = "envs/a/bin/python"
"""


def _make_options(folder: Path) -> None:
    (folder / "retinaface.toml").write_text(_OPTIONS)


def _read_options(folder: Path) -> None:
    from retinaface.suite.settings.files import find_file, read_file

    find_file(folder)
    read_file(folder / "retinaface.toml")


def _make_shared(folder: Path) -> None:
    text = _OPTIONS.replace("[validate]", "[tool.retinaface.validate]")
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\n' + text)


def _read_shared(folder: Path) -> None:
    from retinaface.suite.settings.files import find_file, read_file

    file = find_file(folder)
    if file is not None:
        read_file(file)


def _make_plan(folder: Path) -> None:
    (folder / "plan.toml").write_text(_PLAN)


def _read_plan(folder: Path) -> None:
    from retinaface.cluster.targets.plan import read_plan

    read_plan(folder / "plan.toml")


TARGETS = (
    Target("options.toml", "text", "retinaface.toml", _make_options, _read_options),
    Target("options.pyproject", "text", "pyproject.toml", _make_shared, _read_shared),
    Target("plan.toml", "text", "plan.toml", _make_plan, _read_plan),
)
