"""Rules for the package as a whole: imports, figures, layers, sizes."""

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from retinaface.baselines.entries import load_baselines

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"numpy", "cv2", "scipy", "torch", "onnx", "onnxruntime", "pooch", "rich", "tqdm"}
RUNTIMES = {"ncnn", "openvino", "tensorrt", "tvm"}  # each an extra of its own
HEAVY |= {"fsspec", "jinja2", "matplotlib", "msgspec", "ruptures"} | RUNTIMES
COMMANDS = ["", "assets", "assets fetch", "detect", "demo", "evaluate", "export", "score"]
COMMANDS += [
    "validate",
    "compare",
    "report",
    "runs",
    "ab",
    "agree",
    "engines",
    "history",
    "matrix",
    "soak",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from retinaface.cli import main\n"
        "try:\n"
        f"    main({[*command.split(), '--help']!r})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Usage: retinaface" in result.stdout
    assert result.stdout.endswith("HEAVY []\n")


def test_importing_the_package_imports_no_runtime():
    """This covers every module but the engines themselves, which are imported when opened."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "retinaface").rglob("*.py"))
        if "engines" not in path.parts and path.stem != "__main__"
    ]
    code = (
        f"import importlib, sys\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
        f"print(sorted({RUNTIMES!r} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_no_runtime_is_pulled_without_its_name():
    """Neither the package nor another runtime's extra pulls it."""
    found = [line.partition(";") for line in metadata.requires("retinaface")]
    for package, _, marker in found:
        name = re.match(r"[a-z0-9-]+", package.lower())[0].removeprefix("apache-")
        if runtime := next((r for r in RUNTIMES if name.startswith(r)), None):
            assert marker.strip().startswith(f'extra == "{runtime}'), package
    names = {re.split("[<>=]", package)[0] for package, _, _ in found}
    assert {"openvino", "ncnn", "tensorrt-cu13"} <= names


def test_only_the_needs_of_a_run_skip():
    word = "pytest." + "skip("
    here = [p for p in (ROOT / "tests").rglob("*.py") if word in p.read_text()]
    assert here == []


def test_processes_are_started_in_one_place():
    """Elsewhere nothing would end them when this process is killed."""
    starts = re.compile(r"subprocess\.(Popen|run|call|check_\w+)\(|os\.(fork|spawn\w*|system)\(")
    package = ROOT / "retinaface"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if starts.search(path.read_text())
    }
    # `boot` is all there is on the other machine; it waits for the connection's end itself.
    assert found == {
        "children/guardian.py",
        "children/start.py",
        "engines/remote/boot.py",
    }


def imported_modules(path):
    """List the imported modules and names, wherever in the file the import is."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def test_no_test_file_is_imported():
    """Helpers live in tests/support, so a test file can be split and is collected once."""
    names = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    found = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for module in imported_modules(path)
        if names & set(module.split("."))
    ]
    assert found == [], "\n".join(found)


# Functions with more than 40 lines, and the reason.
LONG_FUNCTIONS = {
    "cli/detect.py: detect": "a line for each option of the command",
    "cli/evaluate.py: evaluate": "a line for each option of the command",
    "cli/export.py: export": "a line for each option of the command",
    "suite/target.py: make_target": "a line for each option of a run",
}


def lines_of_code(function):
    """Count the lines of a function without its docstring."""
    first = function.body[0]
    n_doc = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) is not None else 0
    return function.end_lineno - function.lineno + 1 - n_doc


def test_rooms_are_small():
    """Modules have at most 250 lines, functions 40, folders 15 modules."""
    package, found = ROOT / "retinaface", []
    for path in sorted(package.rglob("*.py")):
        room, text = path.relative_to(package), path.read_text()
        if len(text.splitlines()) > 250:
            found.append(f"{room}: {len(text.splitlines())} lines")
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
        found += [f"{room}: {f.name}" for f in functions if lines_of_code(f) > 40]
    for folder in {p.parent for p in (*package.rglob("*.py"), *(ROOT / "tests").rglob("*.py"))}:
        modules = [p for p in folder.glob("*.py") if not p.stem.startswith("__")]
        if len(modules) > 15:
            found.append(f"{folder.relative_to(ROOT)}: {len(modules)} modules")
    assert found == list(LONG_FUNCTIONS)


def test_every_room_has_its_tests_in_the_same_wing():
    package, tests = ROOT / "retinaface", ROOT / "tests" / "unit"
    untested = {"typing.py", "errors.py", "faults.py", "version.py", "config.py", "outputs.py"}
    rooms = [p for p in package.rglob("*.py") if not p.stem.startswith("_")]
    rooms = [p.relative_to(package) for p in rooms if p.name not in untested]
    by_wing = {room for room in rooms if room.parts[0] not in ("cli", "engines", "report")}
    missing = [r for r in by_wing if not (tests / r.parent / f"test_{r.name}").exists()]
    assert sorted(map(str, missing)) == []


def test_the_figures_of_the_docs_are_those_of_the_baselines():
    tables = (ROOT / "docs" / "measurements.md").read_text()
    published = (ROOT / "docs" / "pipelines-and-data.md").read_text()
    entries = load_baselines(ROOT / "baselines")
    measured = [e.data for e in entries if e.data["metric"] == "accuracy" and not e.is_published]
    assert len(measured) >= 8
    for data in measured:
        ap = " | ".join(f"{data['value'][split]:.2f}" for split in ("easy", "medium", "hard"))
        assert f"| `{data['pipeline']}` | {data['precision']} | {ap} |" in tables
    for data in (e.data for e in entries if e.is_published and e.data["metric"] == "accuracy"):
        ap = " / ".join(f"{value:g}" for value in data["value"].values())
        assert ap in published, f"{data['pipeline']}: {ap}"
