from retinaface.suite.run.entry import TestEntry
from retinaface.verdicts import SKIPPED, Check, Verdict


def test_a_later_phase_can_only_make_things_worse():
    entry = TestEntry("a.py::test_a")
    entry.add_phase("PASS", "", 1.0)
    entry.add_phase("FAIL", "in teardown", 0.5)
    entry.add_phase("PASS", "", 0.25)
    assert (entry.outcome, entry.reason, entry.seconds) == ("FAIL", "in teardown", 1.75)


def test_a_test_is_read_as_it_was_written():
    check = Check("c", Verdict.PASS, "fine", {"n": 1}, value=0.5, limit=1.0, unit="px")
    entry = TestEntry("a.py::test_a", "PASS", "", [check], 0.25, {"question": "ap", "engine": "x"})
    assert TestEntry.of(entry.as_json()) == entry


def test_a_skip_lists_what_each_thing_lacked():
    entry = TestEntry("a", SKIPPED, "needs torch: not installed; needs images: no folder")
    assert entry.needs() == ["needs torch: not installed", "needs images: no folder"]
