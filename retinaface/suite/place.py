"""Find the suites and the accepted baselines: in a checkout, or in the installed package.

The build lays both out in the wheel as a checkout has them, so test ids are the same from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retinaface.errors import RetinaFaceError

SUITES = "tests/validation"
BASELINES = "baselines"
# The build copies them there, see setup.py.
SHIPPED = Path(__file__).resolve().parents[1] / "shipped"
# A checkout's conftest.py imports it; that of a user's project with such folders does not.
_PLUGINS = b"retinaface.suite"


class SuitesMissing(RetinaFaceError, RuntimeError):  # noqa: N818 - a state, not an error
    """There are no suites to run, neither in a checkout nor in the package."""


@dataclass(frozen=True)
class Place:
    """A folder with suites and baselines.

    Attributes:
        root: Holds `tests/validation`, `baselines` and pytest's settings; ids of tests begin there.
        is_shipped: Whether it lies inside the installed package, where nothing is written.
    """

    root: Path
    is_shipped: bool = False

    def pytest_words(self, cache: Path) -> list[str]:
        """Give pytest what it finds in the files of a checkout: settings, and the options of a run.

        Args:
            cache: Absolute folder for what pytest and its plugins keep from run to run.
        """
        return [
            *("-c", str(self.root / "pyproject.toml"), f"--rootdir={self.root}"),
            *("-p", "retinaface.suite.plugin"),
            # Modules are called by their place in the package: a folder `tests` of the user's,
            # which holds an engine, stays importable.
            "--import-mode=append",
            *("-o", f"cache_dir={cache / 'pytest'}"),
            f"--benchmark-storage={(cache / 'benchmarks').as_uri()}",
        ]


def is_of_suites(argument: str) -> bool:
    """Tell whether a path that pytest was given is the folder of the suites, or lies in it."""
    return Path(SUITES).name in Path(argument.partition("::")[0]).parts[-2:]


def find_place(folder: Path, package: Path | None = None) -> Place:
    """Find the suites: of the checkout in a folder, of the package's own checkout, or shipped.

    Args:
        folder: The working directory.
        package: Folder of the package; None for this one.

    Raises:
        SuitesMissing: There are none.
    """
    package = package or SHIPPED.parent
    for root in (folder, package.parent):
        conftest = root / "conftest.py"
        if (root / SUITES).is_dir() and conftest.is_file() and _PLUGINS in conftest.read_bytes():
            return Place(root)
    shipped = package / SHIPPED.name
    if (shipped / SUITES).is_dir():
        return Place(shipped, is_shipped=True)
    raise SuitesMissing(
        f"cannot find the suites: looked for {SUITES} in {folder}, {package.parent} and {shipped}; "
        "install the wheel again, or run in a checkout"
    )
