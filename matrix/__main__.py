"""`python -m matrix`: what a tox environment of the matrix does. Needs the standard library alone.

The environments are made here and not by tox's `deps`, because a version that cannot be installed
on this Python is a row of the comparison that says so, not an environment that is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from matrix.rows import AB, EXPORT, MatrixError, Row, find_row, read_rows, runtime_packages
from matrix.sdk import check_installed, check_unchanged, kept, lacking, visible, wheels_of
from matrix.turns import BATCHES, RECORD, Side, neighbours, sessions

ROOT = Path(__file__).resolve().parents[1]
EXPORTS, RUNS, SESSIONS, REPORT = "exports", "runs", "ab", "report.html"
UNAVAILABLE = "unavailable.json"
EXIT_USAGE = 2
_PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one environment; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m matrix", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".tox" / "matrix", metavar="DIR")
    parser.add_argument(
        "environment", metavar="ENVIRONMENT", help="as tox calls it: validate-ort118"
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed on to retinaface")
    options = parser.parse_args(arguments)
    kind, _, name = options.environment.partition("-")
    folder = options.folder.resolve()
    rest = [argument for argument in options.rest if argument != "--"]
    try:
        rows = read_rows()
        if kind == EXPORT:
            return export(find_row(name or EXPORT, rows), folder, rest)
        if kind == AB:
            return time_neighbours(rows, folder, rest)
        if kind == "compare":
            return compare(find_row(kind, rows), folder, rest)
        row = find_row(name, rows)
        return validate(row, runtime_packages(row, rows), folder, rest)
    except MatrixError as error:
        print(f"matrix: error: {error}", file=sys.stderr)
        return EXIT_USAGE


def export(row: Row, folder: Path, rest: Sequence[str]) -> int:
    """Write FP32 and FP16 files, of fixed and of free size, and the full reference; once."""
    target = folder / EXPORTS / row.name
    done = target / "versions.json"
    # torch first, by its version alone, so that a build at hand satisfies it.
    _install(["torch==" + row.packages["torch"]])
    others = [text for text in row.requirements if not text.startswith("torch==")]
    _install([*others, "-e", f"{ROOT}[export,cpu]"])
    wanted = {"row": row.name, "packages": dict(row.packages), "settings": dict(row.settings)}
    wanted |= {"arguments": list(rest), "code": _checkout_state()}
    if done.is_file() and json.loads(done.read_text(encoding="utf-8")) == wanted:
        print(f"{target}: there already, of the same versions and checkout")
        return 0
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    options = [f"--{key}={value}" for key, value in row.settings.items()]
    for name, more in (("retinaface", ["--reference=full"]), ("dynamic", ["--dynamic-size"])):
        file = f"--output={target / name}.onnx"
        code = _retinaface("export", file, "--with-fp16", *more, *options, *rest)
        if code:
            return code
    done.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
    return 0


def _checkout_state() -> str:
    """Commit and changes of the checkout: another one makes other files."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    # What is not committed has no name: never the same as before.
    return f"{text} {os.getpid()}" if text.endswith("-dirty") else text


def validate(row: Row, packages: dict[str, str], folder: Path, rest: Sequence[str]) -> int:
    """Validate the exported files on one runtime; its record is a row of the comparison."""
    exports = folder / EXPORTS / (row.name if row.is_export else EXPORT)
    models = [exports / f"{name}.onnx" for name in _MODELS]
    if missing := [model for model in models if not model.is_file()]:
        environment = EXPORT if exports.name == EXPORT else f"{EXPORT}-{exports.name}"
        raise MatrixError(f"{missing[0]} is not there; run: tox run -e {environment}")
    record = folder / RUNS / f"validate-{row.name}"
    shutil.rmtree(record, ignore_errors=True)  # an earlier run of this row
    if "wheels" in row.settings:
        _install_wheels(row, packages)
    elif "installed" in row.settings:
        _install_beside(row, packages)
    elif problem := _try_install(packages):
        _write_unavailable(record, row, problem)
        return 0
    arguments = [f"--model={model}" for model in models]
    if not os.environ.get("RETINAFACE_ENGINE"):
        arguments += [f"--engine={name}" for name in row.settings.get("engines", "").split()]
    return _retinaface("validate", *arguments, f"--record={record}", *rest)


_MODELS = ("retinaface", "retinaface.fp16", "dynamic", "dynamic.fp16")


def _try_install(packages: dict[str, str]) -> str | None:
    """Install the package and the row's versions; what pip said where that cannot be."""
    pins = [f"{name}=={version}" for name, version in packages.items()]
    run = subprocess.run(  # noqa: S603 - pip with versions of the table
        [*_PIP, *pins, "-e", f"{ROOT}[validate]"], capture_output=True, text=True, check=False
    )
    if run.returncode == 0:
        return None
    lines = [line for line in run.stderr.splitlines() if line.startswith("ERROR:")]
    # pip lists every version that there is before it says that this one is not among them.
    lines = [line for line in lines if "No matching distribution" in line] or lines
    text = "; ".join(lines) or run.stderr.strip()[-500:]
    if not any(word in text for word in ("No matching distribution", "ResolutionImpossible")):
        # A broken network is no property of the row.
        raise MatrixError(f"installing {', '.join(pins)} failed: {text}")
    return " ".join(text.split())


def _install_wheels(row: Row, packages: dict[str, str]) -> None:
    """Install the vendor's wheels, and the common pins.

    Raises:
        MatrixError: There is no wheel of this SDK for this Python, or the row names no engine.
    """
    wheels = wheels_of(row)
    if "engines" not in row.settings and not os.environ.get("RETINAFACE_ENGINE"):
        raise MatrixError(
            f"versions.ini names no engines for {row.name}, and the default ones are not the "
            "vendor's; add engines = NAME..., or set RETINAFACE_ENGINE"
        )
    pins = [f"{name}=={version}" for name, version in packages.items()]
    _install([*pins, "-e", f"{ROOT}[validate]"])
    _install(["--no-deps", *map(str, wheels)])


def _install_beside(row: Row, packages: dict[str, str]) -> None:
    """Install the package where the SDK is, and none of what the SDK has.

    Raises:
        MatrixError: The SDK is not in sight, pip cannot do without a change, or changed something.
    """
    check_installed(row)
    installed = visible()
    before = kept(installed)
    with tempfile.TemporaryDirectory(prefix="retinaface-") as folder:
        constraints = Path(folder) / "installed.txt"
        lines = [f"{name}=={version}\n" for name, version in before.items()]
        constraints.write_text("".join(lines), encoding="utf-8")
        wanted = [*lacking(packages, installed), "-e", f"{ROOT}[validate]"]
        _install(["--constraint", str(constraints), *wanted])
    check_unchanged(before)


def _install(requirements: Sequence[str]) -> None:
    if subprocess.run([*_PIP, *requirements], check=False).returncode:  # noqa: S603
        raise MatrixError(f"pip could not install {' '.join(requirements)}; it says why above")


def _write_unavailable(record: Path, row: Row, reason: str) -> None:
    """A row that cannot run is a row of the comparison."""
    package, version = next(iter(row.packages.items()))
    content = {
        "schema_version": 2,
        "name": record.name,
        "package": package,
        "version": version,
        "python": platform.python_version(),
        "reason": reason,
    }
    record.mkdir(parents=True)
    text = json.dumps(content, indent=2) + "\n"
    (record / UNAVAILABLE).write_text(text, encoding="utf-8")
    print(f"{record.name}: {package} {version} cannot be installed here: {reason}")


def time_neighbours(rows: Mapping[str, Row], folder: Path, rest: Sequence[str]) -> int:
    """Time each row that ran and the next one turn by turn; returns the worst exit code."""
    sides = {}
    for name in rows:
        python = folder.parent / f"validate-{name}" / "bin" / "python"  # where tox makes it
        side = Side(name, python, folder / RUNS / f"validate-{name}")
        if not (side.record / RECORD).is_file():
            continue
        if python.is_file():
            sides[name] = side
        else:
            print(f"{AB}: {name} is left out: {python} is not there")
    pairs = neighbours(rows, list(sides))
    if not pairs:
        raise MatrixError(
            f"{folder / RUNS} holds no two neighbouring rows that ran; run: tox run -e "
            "export,validate-ort118,validate-ort132,ab"
        )
    _install(["-e", f"{ROOT}[opencv]"])
    target = folder / SESSIONS
    shutil.rmtree(target, ignore_errors=True)  # of an earlier run, perhaps of other rows
    target.mkdir(parents=True)
    own = argparse.ArgumentParser(prog="tox run -e ab --", add_help=False, allow_abbrev=False)
    own.add_argument("--batch", type=int, action="append", metavar="N")
    options, others = own.parse_known_args(rest)
    codes = []
    for old, new in pairs:
        for name, arguments in sessions(sides[old], sides[new], options.batch or BATCHES):
            print(f"{AB}: {name}", flush=True)
            codes.append(_retinaface(AB, *arguments, *others, f"--json={target / name}.json"))
    if not codes:
        raise MatrixError(
            f"the records of {', '.join(sides)} keep no file of an engine that two neighbours ran; "
            "run their validate environments without leaving tests out"
        )
    return max(codes, key=_badness)


def _badness(code: int) -> tuple[bool, bool, bool]:
    """Order exit codes of sessions: FAIL, what could not be measured, INCONCLUSIVE, PASS."""
    return code == 1, code not in (0, 10), code == 10


def compare(row: Row, folder: Path, rest: Sequence[str]) -> int:
    """The report and the comparison of all rows that ran; the first by name is the old run."""
    runs = folder / RUNS
    if not runs.is_dir():
        raise MatrixError(f"{runs} holds no run; run: tox run -e export,validate-ort118,compare")
    _install([*row.requirements, "-e", f"{ROOT}[report,opencv]"])
    timed = folder / SESSIONS
    turns = [f"--ab={timed}"] if any(timed.glob("*.json")) else []
    code = _retinaface("report", str(runs), *turns, f"--output={folder / REPORT}")
    if code:
        return code
    files = [f"--markdown={folder / 'compare.md'}", f"--json={folder / 'compare.json'}"]
    return _retinaface("compare", str(runs), *turns, *files, *rest)


def _retinaface(*arguments: str) -> int:
    """Run the command line in this environment, in the checkout."""
    command = [sys.executable, "-m", "retinaface", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
