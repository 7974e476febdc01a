from types import SimpleNamespace

import pytest

from retinaface.suite.hooks.gate import is_undecided, pytest_report_teststatus
from tests.support.made.small_suites import FAILS, PASSES, UNDECIDED

pytest_plugins = ["pytester"]


def test_a_gate_ends_the_test_with_the_worst_verdict(session):
    both = "def test_e(gate):\n    gate(check('INCONCLUSIVE', 'too few'), check('FAIL', 'off'))\n"
    _, record = session(PASSES, FAILS, UNDECIDED, both)
    ended = [(test["verdict"], len(test["checks"])) for test in record["tests"]]
    assert ended == [("PASS", 1), ("FAIL", 2), ("INCONCLUSIVE", 2), ("FAIL", 2)]
    assert "too few" in record["tests"][3]["reason"]  # the reason names all that is not green


def test_a_gate_that_was_given_nothing_is_no_pass(session):
    _, record = session("def test_f(gate):\n    gate()\n")
    assert record["tests"][0]["reason"] == "INCONCLUSIVE: nothing was checked"


def test_what_is_undecided_is_no_failure_and_no_pass(session):
    result, _ = session(UNDECIDED, arguments=["-v"])
    result.stdout.fnmatch_lines(["*test_c INCONCLUSIVE*"])
    assert result.parseoutcomes() == {"inconclusive": 1}


@pytest.mark.parametrize("failed", [False, True])
def test_a_report_without_the_mark_is_left_to_pytest(failed):
    report = SimpleNamespace(failed=failed, user_properties=[])
    assert not is_undecided(report)
    assert pytest_report_teststatus(report) is None
