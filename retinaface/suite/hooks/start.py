"""Start a run: check its options before anything runs, and build the target from them."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

import pytest

from retinaface.checks.int8.budgets import Budget, read_budget
from retinaface.errors import RetinaFaceError
from retinaface.suite.acceptance import Acceptance, start_acceptance
from retinaface.suite.hooks.stash import ACCEPTANCE, RESUMES, SETTINGS, TARGET, last_option, option
from retinaface.suite.options import OPTIONS, TargetError
from retinaface.suite.place import SHIPPED, Place, is_of_suites
from retinaface.suite.run.folder import check_record_dir
from retinaface.suite.settings.given import NO_FILE, Settings, read_settings
from retinaface.suite.settings.variables import CONFIG_VARIABLE, check_environment
from retinaface.suite.target import Target, make_target
from retinaface.telling.visible import one_line


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run, and those by which `validate` talks to its child."""
    group = parser.getgroup(
        "retinaface", "RetinaFace: what to validate, and what to compare it with"
    )
    for one in OPTIONS:
        if one.kind == "flag":
            group.addoption(f"--{one.name}", action="store_true", help=one.help)
        elif one.separator is not None:
            group.addoption(
                f"--{one.name}", action="append", default=[], metavar=one.metavar, help=one.help
            )
        else:
            group.addoption(f"--{one.name}", metavar=one.metavar, help=one.help)
    group.addoption(
        "--config",
        metavar=f"FILE|{NO_FILE}",
        help="configuration; default, where an argument names the suites: the nearest "
        "retinaface.toml, or pyproject.toml with [tool.retinaface]",
    )
    # `validate` keeps a record for itself where none is asked for.
    group.addoption("--record-is-temporary", action="store_true", help=argparse.SUPPRESS)
    # `validate` takes away what a killed run would need once it has said how the run ended.
    group.addoption("--unfinished-stays", action="store_true", help=argparse.SUPPRESS)
    # Where `validate` sends the record when the run has ended.
    group.addoption("--record-goes-to", help=argparse.SUPPRESS)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything runs; bad ones are a usage error."""
    try:
        check_environment(os.environ)
        config.stash[SETTINGS] = _settings(config)
        target = config.stash[TARGET] = _target(config)
        resumes = config.stash[RESUMES] = _resumes(config)
        if (record := last_option(config, "record")) is not None:
            check_record_dir(Path(record), resumes=resumes)
        elif resumes:
            raise TargetError("--resume goes on with a run in a folder: name it with --record DIR")
        config.stash[ACCEPTANCE] = start_acceptance(
            wanted=config.getoption("accept_baseline"),
            reason=config.getoption("reason"),
            where=Place(config.rootpath, is_shipped=config.rootpath == SHIPPED),
            target=target,
        )
    except RetinaFaceError as error:
        raise pytest.UsageError(one_line(str(error))) from error


def _resumes(config: pytest.Config) -> bool:
    """Tell whether the run goes on with one that was cut off.

    Raises:
        TargetError: It is to become a baseline, of which all times must be of one session.
    """
    settings = config.stash[SETTINGS].texts("resume")
    resumes = config.getoption("resume") or tuple(settings) == ("true",)
    if resumes and config.getoption("accept_baseline"):
        raise TargetError(
            "--accept-baseline needs a run of one session, since times of two are no sample; leave "
            "out --resume"
        )
    return resumes


def _settings(config: pytest.Config) -> Settings:
    """Read what was not typed; only pytest on the suites looks for a file by itself."""
    named = config.getoption("config") or os.environ.get(CONFIG_VARIABLE)
    folder = config.invocation_params.dir
    if not named and not any(map(is_of_suites, config.args)):
        named = NO_FILE
    return read_settings("validate", os.environ, folder, named)


def _target(config: pytest.Config) -> Target:
    return make_target(
        engines=tuple(option(config, "engine")),
        pipelines=tuple(option(config, "pipeline")),
        batch=_batch(last_option(config, "batch")),
        models=tuple(Path(p) for p in option(config, "model")),
        engine_files=tuple(Path(p) for p in option(config, "engine_file")),
        scores=last_option(config, "scores") or "probabilities",
        engine_options=option(config, "engine_option"),
        weights=last_option(config, "weights"),
        widerface=last_option(config, "widerface"),
        ground_truth=last_option(config, "ground_truth"),
        subset=last_option(config, "subset"),
        baseline=last_option(config, "baseline") or "auto",
        soak_s=_seconds(last_option(config, "soak")),
        budget=_budget(config),
    )


def _budget(config: pytest.Config) -> Budget:
    try:
        return read_budget(
            last_option(config, "budget_ap"), last_option(config, "budget_detections")
        )
    except ValueError as error:
        raise pytest.UsageError(one_line(str(error))) from error


def _batch(value: str | None) -> int | None:
    if value is None:
        return None
    try:
        batch = int(value)
    except ValueError:
        batch = 0
    if not 1 <= batch <= 1024:
        raise pytest.UsageError(f"--batch must be a number from 1 to 1024, got {value}")
    return batch


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds < math.inf:
        raise pytest.UsageError(f"--soak must be a number of seconds from 1, got {value}")
    return seconds


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """Give the target of the run."""
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def acceptance(pytestconfig: pytest.Config) -> Acceptance:
    """Give the baselines to be accepted, and candidates for them."""
    return pytestconfig.stash[ACCEPTANCE]
