"""The quick selection of a run: tests marked `quick`, which give the whole verdict in a minute.

A test of a matrix belongs to it for some values only: `quick(batch=(1, 3), kind=("scene",))`.
Values are compared as `str` writes them; parameters that the mark does not name are free.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings

from retinaface.suite.hooks.stash import TARGET

MARK = "quick"
# Examples of each property that sets no number of its own.
N_EXAMPLES = 20
_PROFILE = "quick"
_BEFORE: pytest.StashKey[str] = pytest.StashKey()
LEFT_OUT: pytest.StashKey[Counter[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--quick`."""
    parser.getgroup("retinaface").addoption(
        "--quick",
        action="store_true",
        help="only the quick selection, about a minute; the end names what it leaves out",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Draw fewer examples: before test modules are imported, which fixes their number."""
    if config.getoption("quick"):
        config.stash[_BEFORE] = settings.get_current_profile_name()
        settings.register_profile(_PROFILE, settings.default, max_examples=N_EXAMPLES)
        settings.load_profile(_PROFILE)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the settings to the session around this one, where there is one."""
    if _BEFORE in config.stash:
        settings.load_profile(config.stash[_BEFORE])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not quick, after other hooks have left out what is not for this run."""
    left_out = config.stash.setdefault(LEFT_OUT, Counter())
    if not config.getoption("quick"):
        return
    soaks = config.stash[TARGET].soak_s is not None  # asked for, and so not left out
    chosen = {item for item in items if is_quick(item) or (soaks and _is_soak(item))}
    left = [item for item in items if item not in chosen]
    items[:] = [item for item in items if item in chosen]
    left_out.update(item.path.stem for item in left)
    if left:
        config.hook.pytest_deselected(items=left)


def _is_soak(item: pytest.Item) -> bool:
    return any("soak" in mark.args for mark in item.iter_markers("needs"))


def is_quick(item: pytest.Item) -> bool:
    """Tell whether a test belongs to the quick selection: by the closest mark and its values."""
    mark = item.get_closest_marker(MARK)
    if mark is None:
        return False
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return all(
        str(parameters[name]) in {str(value) for value in values}
        for name, values in mark.kwargs.items()
        if name in parameters
    )
