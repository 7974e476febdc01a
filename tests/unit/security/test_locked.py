"""The lock covers what the tests need, with hashes, and names neither torch nor an index."""

import re
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ROOT = Path(__file__).resolve().parents[3]
_TEXT = (_ROOT / "requirements/locked.txt").read_text(encoding="utf-8")
_EXTRAS = ("cpu", "export", "dev")


def _locked() -> dict[str, str]:
    """Give the part of each package, by its name."""
    parts = re.split(r"^(?=[a-z0-9])", _TEXT, flags=re.MULTILINE)[1:]
    return {re.split(r"[=\[ ]", part)[0]: part for part in parts}


def _wanted(names: tuple[str, ...]) -> set[str]:
    """List the packages that extras ask for, those of extras that they name too."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found, left = set(), [*project["dependencies"]]
    for name in names:
        left += project["optional-dependencies"][name]
    while left:
        requirement = left.pop()
        if own := re.match(r"retinaface\[(.+)\]", requirement):
            for extra in own[1].split(","):
                left += project["optional-dependencies"][extra]
        elif "python_version <" not in requirement:
            found.add(re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower().replace("_", "-"))
    return found


def test_every_direct_dependency_but_torch_is_locked():
    missing = {name.replace(".", "-") for name in _wanted(_EXTRAS)} - _locked().keys()
    assert missing == {"torch"}


@pytest.mark.parametrize(("name", "part"), _locked().items(), ids=_locked())
def test_every_package_has_one_version_and_hashes(name, part):
    assert re.match(rf"{re.escape(name)}(\[.+\])?==\S+ ", part)
    assert re.search(r"--hash=sha256:[0-9a-f]{64}", part)


def test_what_builds_the_package_is_locked():
    assert "setuptools" in _locked()


def test_no_index_no_torch_and_nothing_for_cuda():
    assert "://" not in _TEXT
    assert "--index" not in _TEXT
    assert "--find-links" not in _TEXT
    assert not [name for name in _locked() if re.match(r"torch|nvidia|cuda|triton", name)]
    assert "torch is left out" in _TEXT.splitlines()[1]
