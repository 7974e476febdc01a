"""The JUnit XML of a run, from what pytest writes."""

from xml.etree import ElementTree as ET

from retinaface.suite.hooks.gate import check_properties
from retinaface.suite.hooks.junit import complete
from retinaface.suite.run import ValidationRun
from retinaface.verdicts import Check, Verdict

WRITTEN = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests">
<testsuite name="pytest" errors="0" failures="2" skipped="0" tests="3">
<testcase classname="s" name="good"/>
<testcase classname="s" name="bad"><failure message="AP fell">AP fell by 3</failure></testcase>
<testcase classname="s" name="open"><properties><property name="inconclusive" value="True"/>
</properties><failure message="x">INCONCLUSIVE speed: too noisy
more</failure></testcase></testsuite></testsuites>
"""


def completed(tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text(WRITTEN)
    run = ValidationRun({}, None)
    run.end("s.py::bad", "FAIL", "AP fell", 1.0)
    run.add_result("ort-cpu-fp32--igie--b32", ap={"easy": 0.8123}, n_images=67)
    complete(path, run)
    root = ET.fromstring(path.read_text())  # noqa: S314 - what the test wrote
    return root.find("testsuite")


def test_an_undecided_test_is_skipped_as_inconclusive_and_counted_so(tmp_path):
    suite = completed(tmp_path)
    good, bad, undecided = suite.iter("testcase")
    assert undecided.find("failure") is None
    skipped = undecided.find("skipped")
    assert skipped.get("type") == "INCONCLUSIVE"
    assert skipped.get("message") == "INCONCLUSIVE speed: too noisy"
    assert "more" in skipped.text
    assert undecided.find("properties/property").attrib == {
        "name": "verdict",
        "value": "INCONCLUSIVE",
    }
    assert bad.find("failure").get("message") == "AP fell"
    assert len(good) == 0
    assert (suite.get("failures"), suite.get("skipped"), suite.get("tests")) == ("1", "1", "3")


def test_the_suite_has_verdict_and_ap_of_the_run(tmp_path):
    found = {p.get("name"): p.get("value") for p in completed(tmp_path).find("properties")}
    assert found["verdict"] == "FAIL"
    assert found["ort-cpu-fp32--igie--b32: AP easy"] == "81.23 %"
    assert found["ort-cpu-fp32--igie--b32: images"] == "67"


def test_a_check_gives_its_figures():
    check = Check("AP easy", Verdict.PASS, "fine", {}, 81.2, 81.1, 0.5, "points")
    found = dict(check_properties([check, Check("placement", Verdict.PASS, "there")]))
    assert found == {
        "AP easy: verdict": "PASS",
        "AP easy: value": "81.2 points",
        "AP easy: baseline": "81.1 points",
        "AP easy: limit": "0.5 points",
        "AP easy: margin": "0.4 points",
        "placement: verdict": "PASS",
    }
