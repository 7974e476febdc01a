"""Hooks of a validation run: options, header, verdict, exit code, record."""

from __future__ import annotations

import argparse
import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from retinaface.errors import RetinaFaceError
from retinaface.files import check_output_dir
from retinaface.records.write import new_record
from retinaface.suite.acceptance import Acceptance, start_acceptance
from retinaface.suite.options import OPTION, OPTIONS, check_environment
from retinaface.suite.quick import LEFT_OUT
from retinaface.suite.run import ValidationRun
from retinaface.suite.target import Target, make_target
from retinaface.verdicts import SKIPPED, Check, Verdict, worst

TARGET: pytest.StashKey[Target] = pytest.StashKey()
RUN: pytest.StashKey[ValidationRun] = pytest.StashKey()
ACCEPTANCE: pytest.StashKey[Acceptance] = pytest.StashKey()
DESELECTED: pytest.StashKey[Counter[str]] = pytest.StashKey()
UNCOLLECTED: pytest.StashKey[list[tuple[str, str]]] = pytest.StashKey()
_SUITE_DIR = "validation"
_MAX_LINES = 150
_INCONCLUSIVE = "inconclusive"


class Inconclusive(Exception):  # noqa: N818 - a verdict, not an error
    """What a test raises that could not decide; shown as such, and not green."""


Gate = Callable[..., None]


def option(config: pytest.Config, name: str) -> list[Any]:
    """Values of an option: of the command line, else of its environment variable."""
    value = config.getoption(name)
    if value not in (None, []):
        return list(value) if isinstance(value, list) else [value]
    return list(OPTION[name].values(os.environ))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run, and those by which `validate` talks to its child."""
    group = parser.getgroup("retinaface", "RetinaFace: what to validate, against what")
    for one in OPTIONS:
        if one.kind == "flag":
            group.addoption(f"--{one.name}", action="store_true", help=one.help)
        elif one.separator is not None:
            group.addoption(
                f"--{one.name}", action="append", default=[], metavar=one.metavar, help=one.help
            )
        else:
            group.addoption(f"--{one.name}", metavar=one.metavar, help=one.help)
    # `validate` keeps a record for itself where none is asked for.
    group.addoption("--record-is-temporary", action="store_true", help=argparse.SUPPRESS)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything runs; bad ones are a usage error."""
    try:
        check_environment(os.environ)
        config.stash[TARGET] = make_target(
            engines=tuple(option(config, "engine")),
            pipelines=tuple(option(config, "pipeline")),
            batch=_batch(option(config, "batch")),
            models=tuple(Path(p) for p in option(config, "model")),
            engine_files=tuple(Path(p) for p in option(config, "engine_file")),
            engine_options=option(config, "engine_option"),
            weights=_one(option(config, "weights")),
            widerface=_one(option(config, "widerface")),
            subset=_one(option(config, "subset")),
            baseline=_one(option(config, "baseline")) or "auto",
        )
        record = _path(_one(option(config, "record")))
        if record is not None:
            check_output_dir(record)
        config.stash[ACCEPTANCE] = start_acceptance(
            wanted=config.getoption("accept_baseline"),
            reason=config.getoption("reason"),
            root=config.rootpath,
            target=config.stash[TARGET],
        )
    except RetinaFaceError as error:
        raise pytest.UsageError(" ".join(str(error).split())) from error


def _one(values: list[Any]) -> Any:
    return values[-1] if values else None


def _path(value: Any) -> Path | None:
    return None if value is None else Path(value)


def _batch(values: list[Any]) -> int | None:
    try:
        batch = int(values[-1]) if values else None
    except ValueError:
        batch = 0
    if batch is not None and not 1 <= batch <= 1024:
        raise pytest.UsageError(f"--batch must be a number from 1 to 1024, got {values[-1]}")
    return batch


def is_validation(item: pytest.Item) -> bool:
    """Whether a test belongs to the validation suites, and so to the verdict."""
    return item.path.parent.name == _SUITE_DIR


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the run once it is known what belongs to it."""
    config = session.config
    if config.option.collectonly or not any(is_validation(item) for item in session.items):
        return
    folder = _path(_one(option(config, "record")))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    run = ValidationRun(new_record() | {"target": describe_target(config.stash[TARGET])}, folder)
    run.expected = [item.nodeid for item in session.items if is_validation(item)]
    for node, text in config.stash.setdefault(UNCOLLECTED, []):
        run.end(node, str(Verdict.FAIL), f"cannot be collected: {_clean(text)}", 0.0)
    left_out = config.stash.setdefault(DESELECTED, Counter())
    run.n_deselected.update(left_out)
    run.n_left_by_quick = config.stash.get(LEFT_OUT, Counter())
    config.stash[RUN] = run


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A suite that cannot be imported is a failure, whatever else passes."""
    report = yield
    if report.failed and collector.path.parent.name == _SUITE_DIR:
        found = collector.config.stash.setdefault(UNCOLLECTED, [])
        found.append((collector.nodeid, str(report.longrepr)))
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what the selection leaves out: it belongs to the coverage."""
    for item in items:
        if is_validation(item):
            item.config.stash.setdefault(DESELECTED, Counter())[item.path.stem] += 1


def describe_target(target: Target) -> dict[str, Any]:
    """The target for a record; JSON types."""
    return {
        "engines": list(target.engines),
        "pipelines": list(target.pipelines),
        "batch": target.batch,
        "models": [model.name for model in target.models],
        "engine_files": [file.name for file in target.engine_files],
        "engine_options": dict(target.engine_options),
        "weights": {
            "description": target.weights.description,
            "sha256": target.weights.sha256,
            "embedded": target.has_embedded_weights,
        },
        "data": {"embedded": target.data.is_embedded},
        "subset": target.subset,
    }


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested, with what, on what."""
    return header(config, shutil.get_terminal_size().columns)


def header(config: pytest.Config, width: int) -> list[str]:
    """Write the first lines of a run."""
    from retinaface.suite.header import header_lines

    return header_lines(config.stash[TARGET], is_quick=config.getoption("quick"), width=width)


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Gate:
    """Hold checks against their limits: `gate(*checks)` ends the test with the worst verdict."""
    run = request.config.stash.get(RUN, None)

    def hold(*checks: Check) -> None:
        for check in checks:
            if run is not None:
                run.add_check(request.node.nodeid, check)
        bad = [check for check in checks if check.verdict is not Verdict.PASS]
        text = "\n".join(str(check) for check in bad)
        verdict = worst(check.verdict for check in checks)
        if verdict is Verdict.FAIL:
            pytest.fail(text, pytrace=False)
        if verdict is Verdict.INCONCLUSIVE:
            raise Inconclusive(text or "INCONCLUSIVE: nothing was checked")

    return hold


@pytest.fixture(scope="session")
def validation_run(pytestconfig: pytest.Config) -> ValidationRun:
    """The run that this test belongs to."""
    return pytestconfig.stash[RUN]


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """What the run is pointed at."""
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def acceptance(pytestconfig: pytest.Config) -> Acceptance:
    """Baselines to be accepted, and candidates for them."""
    return pytestconfig.stash[ACCEPTANCE]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Tell the run which test starts."""
    run = item.config.stash.get(RUN, None)
    if run is not None and is_validation(item):
        run.begin(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the run how a phase of a test ended."""
    report = yield
    inconclusive = call.excinfo is not None and call.excinfo.errisinstance(Inconclusive)
    if inconclusive and call.excinfo is not None:
        report.user_properties.append((_INCONCLUSIVE, True))
        report.longrepr = str(call.excinfo.value)
    run = item.config.stash.get(RUN, None)
    if run is None or not is_validation(item):
        return report
    if report.failed:
        outcome = Verdict.INCONCLUSIVE if inconclusive else Verdict.FAIL
        text = call.excinfo.exconly() if call.excinfo is not None else str(report.longrepr)
        run.end(item.nodeid, str(outcome), _clean(text), call.duration)
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        run.end(item.nodeid, SKIPPED, reason.removeprefix("Skipped: "), call.duration)
    elif report.when == "call":
        run.end(item.nodeid, str(Verdict.PASS), "", call.duration)
    return report


def _clean(text: str) -> str:
    """What a failure says, without the name of the exception that carried it, cut to size."""
    for prefix in ("Failed: ", f"{Inconclusive.__module__}.{Inconclusive.__name__}: "):
        text = text.removeprefix(prefix)
    lines = text.splitlines()
    more = [f"... {len(lines) - _MAX_LINES} more lines"] if len(lines) > _MAX_LINES else []
    return "\n".join([*lines[:_MAX_LINES], *more])


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """Show an undecided test as what it is."""
    return ("inconclusive", "I", "INCONCLUSIVE") if is_undecided(report) else None


def is_undecided(report: Any) -> bool:
    """Whether a phase of a test ended without a decision, which pytest takes for a failure."""
    return report.failed and (_INCONCLUSIVE, True) in getattr(report, "user_properties", ())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """Write the record, and turn the verdict into the exit code."""
    run = session.config.stash.get(RUN, None)
    if run is not None:
        is_whole = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if not is_whole or (run.unfinished() and not session.shouldfail):
            run.problem = f"the run was cut off: {len(run.unfinished())} tests did not end"
        try:
            session.config.stash[ACCEPTANCE].finish(run)
        except (RetinaFaceError, OSError) as error:
            run.problem = f"baselines could not be written: {error}"
        run.finish()
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            session.exitstatus = _exit_status(session, run.verdict)
    yield


def _exit_status(session: pytest.Session, verdict: Verdict) -> int:
    """The verdict's, unless tests outside the validation suites failed."""
    terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    others = [
        report
        for kind in ("failed", "error")
        for report in terminal.stats.get(kind, [])
        if f"{_SUITE_DIR}/" not in report.nodeid
    ]
    return 1 if others else verdict.exit_code


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say the verdict, what it rests on, and what would make it rest on more."""
    for report in terminalreporter.stats.get("inconclusive", []):
        terminalreporter.section(f"INCONCLUSIVE {report.nodeid}", sep="_")
        terminalreporter.line(str(report.longrepr))
    if not (lines := closing_text(config, shutil.get_terminal_size().columns)):
        return
    for line in lines[:-1]:
        terminalreporter.line(line)
    colour = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
    verdict = str(config.stash[RUN].verdict)
    terminalreporter.line(lines[-1], bold=True, **{colour[verdict]: True})


def closing_text(config: pytest.Config, width: int) -> list[str]:
    """Write the block that ends a run, the verdict in its last line; empty where none was run."""
    from retinaface.suite.summary import closing_lines

    run = config.stash.get(RUN, None)
    if run is None:
        return []
    folder = _one(option(config, "record"))
    is_kept = folder is not None and not config.getoption("record_is_temporary")
    record = [f"Record: {folder}"] if is_kept else []
    after = [*record, *config.stash[ACCEPTANCE].lines()]
    return closing_lines(run, config.stash[TARGET], after, width=width)
