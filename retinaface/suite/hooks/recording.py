"""Keep the record of a run up to date with what pytest reports, and set its exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from retinaface.errors import OutputError, RetinaFaceError
from retinaface.records.warnings import weights_warning
from retinaface.records.write import new_record
from retinaface.suite.hooks.gate import Inconclusive, is_undecided, mark_undecided
from retinaface.suite.hooks.quick import LEFT_OUT
from retinaface.suite.hooks.replay import report_again
from retinaface.suite.hooks.stash import (
    ACCEPTANCE,
    POOL,
    RESUMES,
    RUN,
    SETTINGS,
    TARGET,
    last_option,
)
from retinaface.suite.place import SUITES, is_of_suites
from retinaface.suite.run import ValidationRun
from retinaface.suite.run.folder import start_record_dir
from retinaface.suite.run.identity import identity_of
from retinaface.suite.run.journal import Journal
from retinaface.telling.visible import one_line
from retinaface.verdicts import SKIPPED, Question, Verdict

_DESELECTED: pytest.StashKey[Counter[str]] = pytest.StashKey()
_UNCOLLECTED: pytest.StashKey[list[tuple[str, str]]] = pytest.StashKey()
_SUITE_DIR = Path(SUITES).name
_MAX_LINES = 150
# How pytest ends a session that ran to its end.
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def is_validation(item: pytest.Item) -> bool:
    """Tell whether a test belongs to the validation suites, and so to the verdict."""
    return item.path.parent.name == _SUITE_DIR


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Make the suites run alone: times and the record belong to one process."""
    if is_validation(item):
        item.add_marker(pytest.mark.alone)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Record a suite that cannot be imported as a failure, whatever else passes."""
    report = yield
    if report.failed and collector.path.parent.name == _SUITE_DIR:
        found = collector.config.stash.setdefault(_UNCOLLECTED, [])
        found.append((collector.nodeid, str(report.longrepr)))
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what the selection leaves out: it belongs to the coverage."""
    for item in items:
        if is_validation(item):
            item.config.stash.setdefault(_DESELECTED, Counter())[item.path.stem] += 1


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the run once its tests are known."""
    config = session.config
    if config.option.collectonly or not _is_run(session):
        return
    folder = last_option(config, "record")
    if folder is not None:
        folder = Path(folder)
        start_record_dir(folder, resumes=config.stash[RESUMES])
    target = config.stash[TARGET].as_json() | {"config": config.stash[SETTINGS].description}
    record = new_record() | {"target": target}
    items = [item for item in session.items if is_validation(item)]
    journal = None if folder is None else _open_journal(config, folder, record, items)
    run = ValidationRun(record, folder, journal, _restored(items, journal))
    run.expected = [item.nodeid for item in items]
    for node, text in config.stash.setdefault(_UNCOLLECTED, []):
        run.end(node, str(Verdict.FAIL), f"cannot be collected: {_clean(text)}", 0.0)
    left_out = config.stash.setdefault(_DESELECTED, Counter())
    run.n_deselected.update(left_out)
    run.n_left_by_quick = config.stash.get(LEFT_OUT, Counter())
    config.stash[RUN] = run


def _open_journal(
    config: pytest.Config, folder: Path, record: Mapping[str, Any], items: Sequence[pytest.Item]
) -> Journal | None:
    """Open the journal of a run that may go on; a record for this process alone needs none."""
    if config.getoption("record_is_temporary") or config.getoption("record_goes_to"):
        return None
    suites = items[0].path.parent if items else Path(SUITES)
    tests = [item.nodeid for item in items]
    identity = identity_of(record, config.stash[TARGET], tests, suites)
    begun = {name: record[name] for name in ("command", "created")}
    try:
        return Journal(folder, identity, begun, stays=config.getoption("unfinished_stays"))
    except RetinaFaceError as error:
        raise pytest.UsageError(one_line(str(error))) from error


def _restored(items: Sequence[pytest.Item], journal: Journal | None) -> set[str]:
    """Choose the tests that do not run again: those that ended.

    Times of two sessions are never one sample: where one test of times is left, all run again.
    """
    ended = set(journal.earlier.tests) if journal is not None else set()
    restored = {item.nodeid for item in items} & ended
    timed = {item.nodeid for item in items if item.get_closest_marker("speed") is not None}
    return restored if timed <= restored else restored - timed


def _is_run(session: pytest.Session) -> bool:
    """Tell whether this is a run of the suites, even one whose selection leaves nothing of them.

    Tests beside them are no run, and where they are what was selected, nothing is to be said.
    """
    if session.items:
        return any(is_validation(item) for item in session.items)
    stash = session.config.stash
    if last_option(session.config, "record") is not None or stash.get(_UNCOLLECTED, None):
        return True
    return bool(stash.get(_DESELECTED, None)) or any(map(is_of_suites, session.config.args))


@pytest.fixture(scope="session")
def validation_run(pytestconfig: pytest.Config) -> ValidationRun:
    """Give the run that this test belongs to."""
    return pytestconfig.stash[RUN]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Tell the run which test starts; report one again that ended before the run was cut off."""
    run = item.config.stash.get(RUN, None)
    if run is None or not is_validation(item):
        return None
    if item.nodeid in run.restored:
        report_again(item, nextitem, run.restored[item.nodeid])
        return True
    try:
        run.begin(item.nodeid, **_subject(item))
    except OutputError as error:
        raise _unwritten(error) from error
    return None


def _unwritten(error: BaseException) -> pytest.UsageError:
    """End the session where nothing more can be written, which says nothing of an engine."""
    return pytest.UsageError(f"{one_line(str(error))}; then go on with this run by --resume")


def _subject(item: pytest.Item) -> dict[str, str]:
    """Find the question, the engine and the pipeline of a test."""
    params = item.callspec.params if hasattr(item, "callspec") else {}  # it has no parameters
    found = {"engine": params.get("engine_name"), "pipeline": params.get("pipeline_name")}
    mark = item.get_closest_marker("answers")
    question = {"question": Question(mark.args[0]).value} if mark is not None else {}
    return question | {key: str(value) for key, value in found.items() if value is not None}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the run how a phase of a test ended."""
    report = yield
    mark_undecided(report, call)
    run = item.config.stash.get(RUN, None)
    if run is None or not is_validation(item):
        return report
    if call.excinfo is not None and call.excinfo.errisinstance(OutputError):
        raise _unwritten(call.excinfo.value) from call.excinfo.value
    if POOL in item.config.stash:
        run.spend("opening engines", item.config.stash[POOL].take_opening_s())
    if report.failed:
        outcome = Verdict.INCONCLUSIVE if is_undecided(report) else Verdict.FAIL
        text = call.excinfo.exconly() if call.excinfo is not None else str(report.longrepr)
        run.end(item.nodeid, str(outcome), _clean(text), call.duration)
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        run.end(item.nodeid, SKIPPED, reason.removeprefix("Skipped: "), call.duration)
    elif report.when == "call":
        run.end(item.nodeid, str(Verdict.PASS), "", call.duration)
    return report


def _clean(text: str) -> str:
    """Cut the message of a failure to size, without the name of its exception."""
    for prefix in ("Failed: ", f"{Inconclusive.__module__}.{Inconclusive.__name__}: "):
        text = text.removeprefix(prefix)
    lines = text.splitlines()
    more = [f"... {len(lines) - _MAX_LINES} more lines"] if len(lines) > _MAX_LINES else []
    return "\n".join([*lines[:_MAX_LINES], *more])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """Write the record, and turn the verdict into the exit code."""
    run = session.config.stash.get(RUN, None)
    if run is not None:
        is_whole = session.exitstatus in _ENDED
        if not is_whole or (run.unfinished() and not session.shouldfail):
            run.problem = f"the run was cut off: {len(run.unfinished())} tests did not end"
        if session.exitstatus == pytest.ExitCode.INTERNAL_ERROR:
            run.problem = "an internal error cut the run off, which says nothing about an engine"
        run.noted += session.config.stash[ACCEPTANCE].notes
        target = session.config.stash[TARGET]
        if not target.has_files:
            named = target.weights.description, target.weights.sha256
            run.noted += weights_warning(*named, run.results.values())
        try:
            session.config.stash[ACCEPTANCE].finish(run)
        except (RetinaFaceError, OSError) as error:
            run.problem = f"baselines could not be written: {error}"
        is_refused = session.exitstatus == pytest.ExitCode.USAGE_ERROR  # for a reason that is said
        try:
            run.finish()
        except OutputError as error:
            if not is_refused:
                raise _unwritten(error) from error
        if is_refused:
            del session.config.stash[RUN]
        if session.exitstatus in _ENDED:
            session.exitstatus = _exit_status(session, run.verdict)
    yield


def _exit_status(session: pytest.Session, verdict: Verdict) -> int:
    """Take the exit code of the verdict, unless tests outside the validation suites failed."""
    terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    others = [
        report
        for kind in ("failed", "error")
        for report in terminal.stats.get(kind, [])
        if f"{_SUITE_DIR}/" not in report.nodeid
    ]
    return 1 if others else verdict.exit_code
