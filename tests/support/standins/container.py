"""A container with the vendor's SDK, for a shell: `retinaface`, `ixsmi` and the stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.standins.variants import NO_IXSMI, VARIABLE

ROOT = Path(__file__).resolve().parents[3]
# Imported by every Python of the container: the modules are there, as if they were installed. TVM's
# clock says what a board would say, for a CPU says nothing of it: the published rate at batch 32.
_MODULES = """
import os, sys
from types import SimpleNamespace
sys.path.insert(0, {root!r})
from tests.support.standins import tvm, variants

def time_evaluator(self, name, device, *, number, repeat):
    def evaluate():
        self.run()
        return SimpleNamespace(results=[self._facts["shape"][0] / 8304.626])
    return evaluate

tvm.Executor.time_evaluator = time_evaluator
sys.modules.update(variants.modules(os.environ.get(variants.VARIABLE, "")))
"""
_PROGRAMS = {
    "retinaface": '#!/bin/sh\nexec "{python}" -m retinaface "$@"\n',
    "python3": '#!/bin/sh\nexec "{python}" "$@"\n',
    "ixsmi": "#!/bin/sh\n"
    'case "$*" in\n'
    '  *name,driver_version*) echo "Iluvatar MR-V100, 4.2.0" ;;\n'
    '  *driver_version*) echo "4.2.0" ;;\n'
    '  *) echo "Iluvatar MR-V100" ;;\n'
    "esac\n",
}
# What the package and its suites are in a checkout.
_CHECKOUT = (
    *("retinaface", "tests/validation", "baselines", "conftest.py"),
    *("pyproject.toml", "setup.py", "README.md", "LICENSE", ".gitignore"),
)


_UNWANTED = shutil.ignore_patterns("__pycache__", "*.candidate.*")
_AUTHOR = {
    f"GIT_{who}_{what}": text
    for who in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "reader"), ("EMAIL", "reader@localhost"))
}


class Container:
    """A folder with a clean checkout, and a shell in it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.checkout, self._bin, self._site = (folder / n for n in ("checkout", "bin", "site"))
        for part in _CHECKOUT:
            source, target = ROOT / part, self.checkout / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=_UNWANTED)
            else:
                shutil.copy(source, target)
        self._site.mkdir()
        (self._site / "sitecustomize.py").write_text(_MODULES.format(root=str(ROOT)))
        self._bin.mkdir()
        for name, text in _PROGRAMS.items():
            if name == "ixsmi" and variables.get(VARIABLE) == NO_IXSMI:
                continue
            (self._bin / name).write_text(text.format(python=sys.executable))
            (self._bin / name).chmod(0o755)
        passed = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RETINAFACE_", "PYTEST", "CI", "GIT_"))
        }
        self._environment = {
            **passed,
            "PATH": f"{self._bin}:{passed['PATH']}",
            "PYTHONPATH": f"{self._site}:{self.checkout}",
            "RETINAFACE_CACHE": str(folder / "cache"),
            **_AUTHOR,
            **variables,
        }
        self.run("git init -q && git add -A && git commit -qm 'A checkout'")

    def run(self, script: str, code: int = 0) -> str:
        """Run a script as a reader pastes it; give its standard output."""
        result = subprocess.run(
            ["/bin/bash", "-e", "-c", script],
            cwd=self.checkout,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = f"{result.stdout}\n{result.stderr}"
        assert result.returncode == code, f"{script}\n{result.returncode}: {printed}"
        return result.stdout
