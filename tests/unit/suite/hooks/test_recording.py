"""Small validation runs end with a verdict, an exit code and a record."""

import re
from pathlib import Path

import pytest

from tests.support.made.small_suites import FAILS, PASSES, SKIPS, SUITE, UNDECIDED

pytest_plugins = ["pytester"]
ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("tests", "verdict", "code"),
    [
        ([PASSES], "PASS", 0),
        ([PASSES, SKIPS], "PASS", 0),
        ([PASSES, FAILS, UNDECIDED], "FAIL", 1),
        (["def test_e():\n    assert 1 == 2\n", PASSES], "FAIL", 1),
        ([PASSES, UNDECIDED], "INCONCLUSIVE", 10),
        ([SKIPS], "INCONCLUSIVE", 10),
        (["def test_f(gate):\n    gate()\n"], "INCONCLUSIVE", 10),
    ],
    ids=["pass", "skip-beside", "gate", "assert", "inconclusive", "all-skipped", "empty-gate"],
)
def test_the_verdict_is_the_exit_code(session, tests, verdict, code):
    result, record = session(*tests)
    assert (result.ret, record["verdict"]) == (code, verdict)
    assert result.outlines.count(f"VERDICT: {verdict} (embedded set)") == 1
    assert (record["state"], record["running"]) == ("finished", None)


def test_the_record_holds_what_was_checked(session):
    result, record = session(PASSES, FAILS, UNDECIDED, SKIPS, arguments=["-k", "not test_a"])
    tests = {test["id"].partition("::")[2]: test for test in record["tests"]}
    assert {name: test["verdict"] for name, test in tests.items()} == {
        "test_b": "FAIL",
        "test_c": "INCONCLUSIVE",
        "test_d": "SKIPPED",
    }
    assert [c["verdict"] for c in tests["test_b"]["checks"]] == ["PASS", "FAIL"]
    assert tests["test_b"]["reason"] == "FAIL one thing: off by 3"
    assert tests["test_c"]["reason"] == "INCONCLUSIVE one thing: too few"
    assert tests["test_d"]["reason"].startswith("needs golden: RETINAFACE_GOLDEN")
    assert record["coverage"]["suites"] == {
        "test_small": {"FAIL": 1, "INCONCLUSIVE": 1, "SKIPPED": 1}
    }
    assert record["coverage"]["not_selected"] == {"test_small": 1}
    assert record["target"]["weights"]["embedded"] is True
    assert record["schema_version"] == 3
    result.stdout.fnmatch_lines(
        [
            "*INCONCLUSIVE tests/validation/test_small.py::test_c*",
            "INCONCLUSIVE one thing: too few",
            "Coverage: 1 FAIL, 1 INCONCLUSIVE, 1 SKIPPED: small 1 FAIL, 1 INCONCLUSIVE, 1",
            "  SKIPPED",
            "Not selected: small 1",
            "FAIL test_small::test_b",
            "  one thing: off by 3",
            "INCONCLUSIVE test_small::test_c",
            "  one thing: too few",
            "Record: record",
            "VERDICT: FAIL (embedded set)",
        ]
    )


def test_while_a_test_runs_the_record_names_it(session):
    test = """
def test_g():
    import json, pathlib
    record = json.loads(pathlib.Path("record/record.json").read_text())
    assert record["running"] == "tests/validation/test_small.py::test_g"
    assert (record["state"], record["verdict"]) == ("running", "FAIL")
    assert [(t["id"][-6:], t["verdict"]) for t in record["tests"]] == [
        ("test_a", "PASS"), ("test_g", None)
    ]
"""
    result, record = session(PASSES, test)
    assert result.ret == 0, record["tests"][1]["reason"]


@pytest.mark.parametrize(
    ("body", "verdict", "code"),
    [
        ("yield\n    assert 0, 'left open'", "FAIL", 1),
        ("assert 0, 'left open'", "FAIL", 1),
        ("gate(check('INCONCLUSIVE', 'left open'))", "INCONCLUSIVE", 10),
    ],
    ids=["teardown", "setup", "inconclusive-setup"],
)
def test_set_up_and_tear_down_count_too(session, body, verdict, code):
    fixture = f"@pytest.fixture\ndef around(gate):\n    {body}\n"
    result, record = session(fixture, "def test_h(around):\n    pass\n")
    assert result.ret == code
    (test,) = record["tests"]
    assert (test["verdict"], record["verdict"]) == (verdict, verdict)
    assert "left open" in test["reason"]


def test_a_long_failure_is_cut(session):
    _, record = session("def test_i(gate):\n    gate(check('FAIL', 'x\\n' * 500))\n")
    lines = record["tests"][0]["reason"].splitlines()
    assert len(lines) < 300
    assert re.fullmatch(r"\.\.\. [0-9]+ more lines", lines[-1])


def test_tests_beside_the_suites_count_for_the_exit_code_alone(session):
    other = {"tests/test_other.py": "def test_other():\n    assert 0\n"}
    result, record = session(PASSES, files=other)
    assert (result.ret, record["verdict"]) == (1, "PASS")
    assert [test["id"] for test in record["tests"]] == [f"{SUITE}::test_a"]


def test_without_a_suite_there_is_no_verdict_and_no_record(session):
    other = {"tests/test_other.py": "def test_other():\n    pass\n"}
    result, record = session(arguments=["tests/test_other.py"], files=other)
    assert (result.ret, record) == (0, None)
    result.stdout.no_fnmatch_line("*VERDICT*")


NO_TEST = {
    "keywords": ["-k", "no_such_name"],
    "marks": ["-m", "gpu"],
    "deselected": [f"--deselect={SUITE}::test_a", f"--deselect={SUITE}::test_b"],
    "file": ["tests/validation/__init__.py"],
    "ignored": [f"--ignore={SUITE}"],
    "suites": ["tests/validation", "-k", "no_such_name"],
}


@pytest.mark.parametrize("selection", NO_TEST)
def test_a_selection_that_leaves_nothing_decides_nothing_and_says_so(session, selection):
    files = {"tests/validation/__init__.py": ""}
    result, record = session(PASSES, FAILS, arguments=NO_TEST[selection], files=files)
    assert (result.ret, record["verdict"]) == (10, "INCONCLUSIVE")
    assert (record["state"], record["tests"]) == ("finished", [])
    result.stdout.fnmatch_lines(
        [
            "Coverage: no test: nothing was run; check -k, -m, --deselect and the paths",
            "VERDICT: INCONCLUSIVE (embedded set)",
        ]
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["-k", "no_such_name"], 10),
        (["tests/validation", "-k", "no_such_name"], 10),
        (["tests/validation/test_small.py", "-m", "gpu"], 10),
        (["tests/other", "-k", "no_such_name"], 5),
        (["tests/other"], 0),
    ],
)
def test_without_a_record_it_is_the_suites_that_make_a_run(session, pytester, words, code):
    other = {"tests/other/test_other.py": "def test_other():\n    pass\n"}
    session(PASSES, arguments=["--collect-only"], files=other)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *words)
    assert result.ret == code
    assert any("VERDICT: INCONCLUSIVE" in line for line in result.outlines) is (code == 10)


def test_a_suite_that_cannot_be_collected_fails_though_nothing_else_is_there(session):
    result, record = session("import no_such_module\n")
    assert result.ret != 0
    assert record["verdict"] == "FAIL"
    assert "no_such_module" in record["tests"][0]["reason"]


def test_listing_tests_is_no_run(session):
    result, record = session(PASSES, arguments=["--collect-only", "-q"])
    assert (result.ret, record) == (0, None)
    result.stdout.no_fnmatch_line("*VERDICT*")


def test_a_candidate_for_a_baseline_is_announced(session, pytester):
    test = """
def test_j(gate, acceptance, target, validation_run):
    from retinaface.checks.speed.gate import speed_entry
    assert target.weights.is_embedded
    validation_run.add_result("x", n_images=3)
    figures = {"images_per_s": 800.0, "samples_s": [0.01, 0.01]}
    keys = {"pipeline": "igie", "precision": "fp32", "device": "amd"}
    entry = speed_entry(**keys, batch=8, timed="network", engine="mine", figures=figures)
    acceptance.offer(entry, {"name": "mine"})
    gate(check("FAIL", "no baseline"))
"""
    result, record = session(test)
    assert result.ret == 1
    assert record["results"] == [{"id": "x", "n_images": 3}]
    assert (pytester.path / "baselines/amd/mine.candidate.json").is_file()
    output = " ".join(result.outlines).replace("  ", " ")
    assert "Candidate, not accepted: " in output
    assert "mine.candidate.json (1 entry)" in output.replace("  ", " ")


def test_a_session_fixture_that_breaks_after_a_skip_fails(session):
    fixture = (
        "@pytest.fixture(scope='session')\ndef around():\n    yield\n    assert 0, 'left open'\n"
    )
    result, record = session(fixture, "def test_a(around):\n    pass\n", SKIPS)
    assert result.ret == 1
    assert record["verdict"] == "FAIL"


def test_an_interrupted_run_is_no_pass(session, pytester, monkeypatch):
    monkeypatch.setattr(pytester, "runpytest_inprocess", pytester.runpytest_subprocess)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    result, record = session(
        PASSES, "def test_k():\n    raise KeyboardInterrupt\n", "def test_l():\n    pass\n"
    )
    assert result.ret == 2
    assert record["verdict"] != "PASS"
    result.stdout.no_fnmatch_line("VERDICT: PASS*")


def test_a_run_that_stops_early_is_no_pass(session):
    _result, record = session(
        PASSES,
        "def test_k():\n    pytest.exit('enough', returncode=0)\n",
        "def test_l():\n    pass\n",
    )
    assert record["verdict"] != "PASS"


def test_a_baseline_that_cannot_be_written_does_not_cost_the_record(session, pytester):
    (pytester.path / "baselines").write_text("a file")
    test = """
def test_j(gate, acceptance):
    from retinaface.checks.speed.gate import speed_entry
    figures = {"images_per_s": 800.0, "samples_s": [0.01, 0.01]}
    keys = {"pipeline": "igie", "precision": "fp32", "device": "amd"}
    entry = speed_entry(**keys, batch=8, timed="network", engine="mine", figures=figures)
    acceptance.offer(entry, {"name": "mine"})
    gate(check("PASS"))
"""
    _result, record = session(test)
    assert record["state"] == "finished"


def test_a_collection_error_is_no_pass(session):
    result, record = session(
        PASSES,
        files={"tests/validation/test_broken.py": "import nothing_of_that_name\n"},
        arguments=["--continue-on-collection-errors"],
    )
    assert result.ret == 1
    assert record["verdict"] == "FAIL"


@pytest.fixture
def checkpoint(pytester):
    """Wrap the embedded weights: a file that nobody knows."""
    import torch

    from retinaface.network.checkpoint import load_model

    torch.save({"net": load_model("embedded").model.state_dict()}, pytester.path / "w.pth")
    return "w.pth: read the tensors under the key 'net'"


@pytest.mark.needs("torch")
def test_an_unknown_checkpoint_with_which_nothing_is_found_is_named(session, checkpoint):
    none = """
def test_j(validation_run):
    ap = {"easy": 0.0, "medium": 0.0, "hard": 0.0}
    validation_run.add_result("e--igie--b1", ap=ap, n_images=4, coverage="all")
"""
    result, record = session(PASSES, none, arguments=["--weights=w.pth"])
    assert result.ret == 0
    assert record["warnings"][0].startswith("w.pth is neither the published checkpoint nor the emb")
    assert record["warnings"][1].startswith("e--igie--b1: AP next to 0")
    assert record["target"]["weights"]["notes"] == [checkpoint]
    result.stdout.fnmatch_lines([f"note      {checkpoint}"])


@pytest.mark.needs("torch")
def test_a_checkpoint_of_another_network_is_a_usage_error(session, pytester, checkpoint):
    import torch

    torch.save(torch.nn.Linear(2, 2).state_dict(), pytester.path / "w.pth")
    result, record = session(PASSES, arguments=["--weights=w.pth"])
    assert (result.ret, record) == (4, None)
    result.stderr.fnmatch_lines(["ERROR: checkpoint w.pth is not of this architecture *"])


FULL = """
import retinaface.suite.run as run
from retinaface.errors import OutputError
def full(folder, *_):
    raise OutputError(f"cannot write {folder}: No space left on device")
run.write_record = full
"""


def test_a_record_for_which_there_is_no_room_at_the_end_is_one_line(session):
    result, record = session(FULL, PASSES, in_process=False)
    assert result.ret == 4
    assert record["state"] == "running"
    said = [line for line in result.errlines if line]
    assert said == [
        "ERROR: cannot write record: No space left on device; then go on with this run by --resume"
    ]
    assert "VERDICT" not in result.stdout.str()
