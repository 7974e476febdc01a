"""The page of what is caught is made from the measured figures, with a row for each kind."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.given import sized_faults
from tools.what_it_catches import __main__ as command
from tools.what_it_catches.kinds import KINDS, SAMPLES
from tools.what_it_catches.measure import ladders, measured, smallest_caught
from tools.what_it_catches.render import render
from tools.what_it_catches.samples import FAULTS, red_tests

ROOT = Path(__file__).resolve().parents[3]
CONTENT = json.loads(command.FILE.read_text())
# A kind that nobody has measured yet has a row that says so.
MEASURED = [kind for kind in KINDS if kind.name in CONTENT["kinds"]]
of_kind = pytest.mark.parametrize("kind", MEASURED, ids=lambda kind: kind.name)


def test_the_page_is_made_from_the_measured_figures():
    assert command.PAGE.read_text() == render(CONTENT), "python -m tools.what_it_catches --render"


def test_every_kind_has_a_row_and_every_row_a_kind():
    assert list(CONTENT["kinds"]) == [kind.name for kind in MEASURED]
    rows = [line for line in command.PAGE.read_text().splitlines() if line.startswith("| ")]
    for kind in KINDS:
        found = [row for row in rows if row.startswith(f"| {kind.title} |")]
        assert found, kind.title
        if kind not in MEASURED:
            assert found == [f"| {kind.title} | not measured yet | | |"]


def test_every_fault_is_a_kind_and_every_kind_a_fault():
    assert {kind.fault for kind in KINDS} == {*sized_faults.FAULTS, *FAULTS}


@of_kind
def test_a_row_was_measured_at_the_sizes_of_its_kind(kind):
    row = CONTENT["kinds"][kind.name]
    assert row["sizes"] == [*kind.sizes] == sorted(kind.sizes)
    assert row["unit"] == kind.unit
    assert row["smallest_caught"] == smallest_caught(kind, row["red"])


@of_kind
def test_the_red_tests_of_a_row_exist(kind):
    suites = "".join(path.read_text() for path in (ROOT / "tests/validation").glob("test_*.py"))
    names = {name for red in CONTENT["kinds"][kind.name]["red"] for name in red}
    assert [name for name in names if f"def {name}(" not in suites] == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.tests == SAMPLES])
def test_drawn_times_give_the_recorded_verdicts(kind):
    row = CONTENT["kinds"][kind.name]
    assert [red_tests(kind.fault, size) for size in kind.sizes] == row["red"]


def test_the_smallest_size_is_one_from_which_on_all_are_red():
    kind = next(kind for kind in KINDS if len(kind.sizes) == 5)
    red = ["test_a"]
    assert smallest_caught(kind, [[], red, [], red, red]) == kind.sizes[3]
    assert smallest_caught(kind, [red] * 5) == kind.sizes[0]
    assert smallest_caught(kind, [red, red, red, red, []]) is None


def test_a_kind_that_was_not_measured_keeps_its_figures():
    kind = MEASURED[0]
    content = measured({tried: ["test_a"] for tried in ladders([kind])}, CONTENT)
    assert content["kinds"][kind.name]["smallest_caught"] == kind.sizes[0]
    del content["kinds"][kind.name]
    assert content["kinds"] == {k: v for k, v in CONTENT["kinds"].items() if k != kind.name}


def test_rendering_alone_measures_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    result = CliRunner().invoke(command.main, ["--render"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "page.md").read_text() == render(CONTENT)


@pytest.mark.parametrize("name", ["no_such_fault_0_1_cpu_fp32", "noise_cpu_fp32"])
def test_an_engine_without_a_known_fault_or_a_size_does_not_exist(name):
    with pytest.raises(AttributeError, match=re.escape(name)):
        getattr(sized_faults, name)
