"""Find out what a test needs and lacks; this is the one place that skips.

    @pytest.mark.needs("torch", "images")           # by name, of `PROBES`
    @pytest.mark.needs(engine="ort-cpu-fp32")       # of an engine, by `ENGINE_PROBES`
    @pytest.mark.needs(batch=("ort-cpu-fp32", 8))   # of an engine with a pipeline or a batch

Each probe does the real thing, once. A need that the user named fails in place of skipping.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest

from retinaface.detection.pipelines import PIPELINES
from retinaface.engines.catalogue import find_engine
from retinaface.errors import unknown
from retinaface.suite.engine_marks import is_for_engine
from retinaface.suite.hooks.stash import POOL, TARGET, option
from retinaface.suite.pool import EnginePool
from retinaface.suite.probes import ENGINE_PROBES, PROBES, opening_problem
from retinaface.telling.visible import one_line

_FOUND: pytest.StashKey[dict[Need, str | None]] = pytest.StashKey()
ENGINE = "engine"
INPUT_SIZE = "input_size"
BATCH = "batch"
EVALUATED = "evaluated"  # the fixture that runs an engine over all images


class Need(NamedTuple):
    """One need of a test; `engine`, `pipeline` and `batch` are empty where it has none."""

    name: str
    engine: str = ""
    pipeline: str = ""
    batch: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.engine}" if self.engine else self.name


def needs_of(item: pytest.Item) -> Iterator[Need]:
    """Read from its marks what a test needs."""
    for mark in item.iter_markers("needs"):
        yield from (Need(name) for name in mark.args)
        for name, value in mark.kwargs.items():
            if name == BATCH:
                yield Need(name, value[0], batch=value[1])
            else:
                yield Need(name, *((value,) if isinstance(value, str) else value))


# A machine that lacks the second lacks the first.
_IMPLIED = {"full-set": "widerface"}


def missing(need: Need | str, config: pytest.Config) -> str | None:
    """Say what a need lacks on this machine; None if it is there."""
    need = Need(need) if isinstance(need, str) else need
    found = config.stash.setdefault(_FOUND, {})
    if need not in found:
        pool = config.stash[POOL]
        if need.name == INPUT_SIZE:
            # Some engines were built for one size, and a pipeline may need another.
            size_px = PIPELINES[need.pipeline].input_size_px
            found[need] = opening_problem(pool, need.engine, size_px)
        elif need.name == BATCH:
            found[need] = opening_problem(pool, need.engine) or pool.other_batch(
                need.engine, need.batch
            )
        elif need.engine:
            found[need] = ENGINE_PROBES[need.name](pool, need.engine)
        else:
            found[need] = PROBES[need.name](config.stash[TARGET])
    return found[need]


def asks_for_evaluation(item: pytest.Item) -> bool:
    """Tell whether a test judges an evaluation of all images."""
    return EVALUATED in getattr(item, "fixturenames", ())


def pipelines_asked_of(engine: str, items: Iterable[pytest.Item], *, first: str) -> list[str]:
    """List the pipelines that tests of a run ask of an engine, in the order of the tests.

    Args:
        items: The tests that are selected; those that lack a need ask for nothing.
        first: The pipeline that a test asks for now.
    """
    pipelines = [first]
    for item in filter(asks_for_evaluation, items):
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        name = parameters.get("pipeline_name")
        if name is None or name in pipelines or parameters.get("engine_name") != engine:
            continue
        if all(missing(need, item.config) is None for need in dict.fromkeys(needs_of(item))):
            pipelines.append(name)
    return pipelines


def pytest_configure(config: pytest.Config) -> None:
    """Check `--require`, and open the pool of engines."""
    for name in option(config, "require"):
        if name not in PROBES:
            raise pytest.UsageError(unknown("unknown --require", name, sorted(PROBES)))
    config.stash[POOL] = EnginePool(config.stash[TARGET])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the engines."""
    if POOL in config.stash:
        config.stash[POOL].close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the exhaustive matrix, and engines that a test is not for."""
    wants_all = "exhaustive" in config.option.markexpr
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        is_extra = item.get_closest_marker("exhaustive") and not item.get_closest_marker("core")
        is_out = (
            (is_extra and not wants_all)
            or not is_for_engine(item, config.stash[TARGET])
            or (config.stash[TARGET].data.is_embedded and Need("full-set") in needs_of(item))
        )
        (left if is_out else kept).append(item)
    items[:] = kept
    if left:
        config.hook.pytest_deselected(items=left)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test and name the needs that are not met; fail it where the user named the need."""
    config = item.config
    needs = dict.fromkeys(needs_of(item))
    lacking = {need: why for need in needs if (why := missing(need, config)) is not None}
    lacking = {need: why for need, why in lacking.items() if not _is_implied(need, lacking)}
    for need, why in lacking.items():
        if (demand := _demand(need, config)) is not None:
            pytest.fail(one_line(f"{demand}: {why}"), pytrace=False)
    if lacking:
        reasons = "; ".join(f"needs {need}: {why}" for need, why in lacking.items())
        pytest.skip(one_line(reasons))


def _is_implied(need: Need, lacking: dict[Need, str]) -> bool:
    """Tell whether another missing need implies this one."""
    if need.engine and need.name != ENGINE:
        return Need(ENGINE, need.engine) in lacking
    return Need(_IMPLIED.get(need.name, "")) in lacking


def _demand(need: Need, config: pytest.Config) -> str | None:
    """Say what makes a missing need a failure; None where it is a skip."""
    target = config.stash[TARGET]
    if need.name in option(config, "require"):
        return f"--require {need.name}"
    if need.name == "images":  # named, found, or shipped: they are there, and must be right
        return f"the images in {target.data.root}"
    if need.name == ENGINE:
        if target.engines_named:
            return f"--engine {need.engine}"
        if _should_run(need.engine, config):
            return f"{need.engine}: its runtime is installed and needs no accelerator, yet it fails"
    if need.name == INPUT_SIZE and target.engines_named and target.pipelines_named:
        return f"--engine {need.engine} and --pipeline {need.pipeline}"
    return None


def _should_run(engine: str, config: pytest.Config) -> bool:
    """Tell whether everything is here that an engine of the default matrix may lack."""
    from retinaface.errors import RetinaFaceError

    entry = find_engine(engine)
    try:
        importlib.import_module(entry.factory.partition(":")[0])
    except (ImportError, RetinaFaceError):
        return False
    can_export = config.stash[TARGET].has_files or missing("torch", config) is None
    return entry.device == "cpu" and bool(can_export)
