"""The build: what pyproject.toml says, and the suites and baselines as data of the wheel.

They stay at the top of a checkout. The wheel holds them in `retinaface/shipped`, laid out as a
checkout has them, with pyproject.toml for pytest's settings; see `retinaface/suite/place.py`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_SHIPPED = "retinaface/shipped"
_PATTERNS = ("pyproject.toml", "tests/validation/*.py", "baselines/*/*.json", "baselines/*/*.npz")


class BuildWithSuites(build_py):
    """Copies the suites and baselines into the package; an editable install reads the checkout."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        shutil.rmtree(Path(self.build_lib, _SHIPPED), ignore_errors=True)
        for target, source in self._shipped().items():
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            if source is None:
                Path(target).touch()
            else:
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name the files of the build."""
        shipped = [] if self.editable_mode else list(self._shipped())
        return [*super().get_outputs(include_bytecode), *shipped]

    def get_source_files(self) -> list[str]:
        """Name the files of a source distribution."""
        return [*super().get_source_files(), *filter(None, self._shipped().values())]

    def _shipped(self) -> dict[str, str | None]:
        """Sources by their place in the build; None for a file that only makes a package."""
        folder = Path(self.build_lib or "build/lib", _SHIPPED)
        # Each folder down to the suites is a package, so that their modules have names of ours.
        found: dict[str, str | None] = {
            str(folder / name / "__init__.py"): None for name in ("", "tests", "tests/validation")
        }
        for pattern in _PATTERNS:
            for path in sorted(Path().glob(pattern)):
                if ".candidate." not in path.name:  # written by a run, accepted by nobody
                    found[str(folder / path)] = path.as_posix()
        return found


setup(cmdclass={"build_py": BuildWithSuites})
