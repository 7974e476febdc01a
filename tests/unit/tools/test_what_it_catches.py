"""The page of what is caught is made from the measured figures, with a row for each kind."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.given import sized_faults
from tests.support.runs import Run
from tools.what_it_catches import __main__ as command
from tools.what_it_catches import measure as measuring
from tools.what_it_catches.kinds import KINDS, SAMPLES
from tools.what_it_catches.measure import Judged, ladders, merged, smallest_caught
from tools.what_it_catches.render import render
from tools.what_it_catches.samples import FAULTS, TEST, red_tests

ROOT = Path(__file__).resolve().parents[3]
CONTENT = json.loads(command.FILE.read_text())
of_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
RUN = {"date": "2026-01-02", "seconds": 3, "processor": "X", "n_processors": 2} | {
    "versions": CONTENT["runs"][0]["versions"]
}


def test_the_page_is_made_from_the_measured_figures():
    assert command.PAGE.read_text() == render(CONTENT), "python -m tools.what_it_catches --render"


def test_every_kind_was_measured_in_one_of_the_runs():
    assert list(CONTENT["kinds"]) == [kind.name for kind in KINDS]
    measured = [name for run in CONTENT["runs"] for name in run["kinds"]]
    assert sorted(measured) == sorted(CONTENT["kinds"])


@of_kind
def test_a_row_of_the_page_has_the_figures_of_its_kind(kind):
    row = CONTENT["kinds"][kind.name]
    lines = [s for s in command.PAGE.read_text().splitlines() if s.startswith(f"| {kind.title} |")]
    (line,) = [s for s in lines if len(lines) == 1 or kind.unit in s]
    smallest = row["smallest_caught"]
    named = [] if smallest is None else row["red"][row["sizes"].index(smallest)]
    assert re.findall("`(test_[a-z0-9_]+)`", line) == named


def test_every_fault_is_a_kind_and_every_kind_a_fault():
    assert {kind.fault for kind in KINDS} == {*sized_faults.FAULTS, *FAULTS}


@of_kind
def test_a_row_was_measured_at_the_sizes_of_its_kind(kind):
    row = CONTENT["kinds"][kind.name]
    assert row["sizes"] == [*kind.sizes] == sorted(kind.sizes)
    assert row["unit"] == kind.unit
    assert row["smallest_caught"] == smallest_caught(kind, row["red"])
    assert len(row["inconclusive"]) == len(row["sizes"])


@of_kind
def test_the_red_tests_of_a_row_exist(kind):
    suites = "".join(path.read_text() for path in (ROOT / "tests/validation").glob("test_*.py"))
    names = {name for red in CONTENT["kinds"][kind.name]["red"] for name in red}
    assert [name for name in names if f"def {name}(" not in suites] == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.tests == SAMPLES])
def test_drawn_times_give_the_recorded_verdicts(kind):
    """At the smallest size that is caught, and at the one before it."""
    row = CONTENT["kinds"][kind.name]
    i = kind.sizes.index(row["smallest_caught"])
    found = [red_tests(kind.fault, size, kind.says) for size in kind.sizes[i - 1 : i + 1]]
    assert found == row["red"][i - 1 : i + 1] == [[], [TEST]]


def test_the_smallest_size_is_one_from_which_on_all_are_red():
    kind = next(kind for kind in KINDS if len(kind.sizes) == 5)
    red = ["test_a"]
    assert smallest_caught(kind, [[], red, [], red, red]) == kind.sizes[3]
    assert smallest_caught(kind, [red] * 5) == kind.sizes[0]
    assert smallest_caught(kind, [red, red, red, red, []]) is None


def test_a_run_over_some_kinds_leaves_the_others_and_is_named_for_its_own():
    one, *others = KINDS
    content = merged(CONTENT, {tried: Judged(["test_a"], []) for tried in ladders([one])}, RUN)
    assert content["kinds"][one.name]["smallest_caught"] == one.sizes[0]
    for kind in others:
        assert content["kinds"][kind.name] == CONTENT["kinds"][kind.name]
    assert content["runs"][-1] == {**RUN, "kinds": [one.name]}
    assert all(one.name not in run["kinds"] for run in content["runs"][:-1])
    assert f"- 2026-01-02: `{one.name}`, in 3 s on 2 processors (X), with" in render(content)


def test_a_run_over_all_kinds_replaces_the_earlier_ones():
    content = merged(CONTENT, {tried: Judged([], ["test_b"]) for tried in ladders(KINDS)}, RUN)
    assert content["runs"] == [{**RUN, "kinds": [kind.name for kind in KINDS]}]
    page = render(content)
    assert "- 2026-01-02: all rows, in 3 s" in page
    assert page.count("| none that we tried | ") == len(KINDS)
    assert "| 0.5 px: INCONCLUSIVE | |" in page


def judged(monkeypatch, tmp_path, kind, tests):
    """Measure the smallest fault of a kind whose run gave these tests."""
    name = sized_faults.name_of(kind.fault, kind.sizes[0], kind.precision)
    record = {"tests": [{**test, "id": f"t.py::{test['id']}[{name}-igie]"} for test in tests]}
    monkeypatch.setattr(measuring, "pytest_run", lambda *_: Run(1, "", record))
    return measuring.measure([(kind, kind.sizes[0])], tmp_path)[kind, kind.sizes[0]]


def outcome(verdict, *messages, name="test_a", reason=""):
    checks = [{"name": "c", "verdict": verdict, "message": message} for message in messages]
    return {"id": name, "verdict": verdict, "reason": reason, "checks": checks}


def test_a_fault_is_caught_by_tests_that_are_red_for_its_reason(monkeypatch, tmp_path):
    kind = next(kind for kind in KINDS if kind.tests != SAMPLES)
    also = outcome("FAIL", "AP moved", name="test_b")
    skipped = outcome("SKIPPED", name="test_c")
    found = judged(monkeypatch, tmp_path, kind, [also, outcome("FAIL", kind.says), skipped])
    assert found == (["test_a", "test_b"], [])
    others = [outcome("PASS", kind.says), outcome("INCONCLUSIVE", "noise", name="test_b"), skipped]
    assert judged(monkeypatch, tmp_path, kind, others) == ([], ["test_b"])


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ([outcome("FAIL", "a NaN")], "red for another reason: expected a check that says"),
        ([outcome("FAIL", reason="KeyError: 3")], "got KeyError: 3"),
        ([outcome("SKIPPED")], "no test judged"),
        ([], "no test judged"),
    ],
    ids=["another-reason", "error", "skipped", "no-test"],
)
def test_what_says_nothing_of_a_fault_is_no_figure(monkeypatch, tmp_path, tests, words):
    kind = next(kind for kind in KINDS if kind.tests != SAMPLES)
    with pytest.raises(RuntimeError, match=words):
        judged(monkeypatch, tmp_path, kind, tests)


def test_a_page_without_figures_of_a_kind_is_not_written(tmp_path, monkeypatch):
    file = tmp_path / "figures.json"
    one, *others = KINDS
    rows = {kind.name: CONTENT["kinds"][kind.name] for kind in others}
    file.write_text(json.dumps({**CONTENT, "kinds": rows}))
    monkeypatch.setattr(command, "FILE", file)
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    result = CliRunner().invoke(command.main, ["--render"])
    assert result.exit_code == 2
    assert f"no figures of {one.name}; measure them: " in result.output.replace("\n", " ")
    assert not command.PAGE.exists()


def test_rendering_alone_measures_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    result = CliRunner().invoke(command.main, ["--render"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "page.md").read_text() == render(CONTENT)


@pytest.mark.parametrize("name", ["no_such_fault_0_1_cpu_fp32", "noise_cpu_fp32"])
def test_an_engine_without_a_known_fault_or_a_size_does_not_exist(name):
    with pytest.raises(AttributeError, match=re.escape(name)):
        getattr(sized_faults, name)
