import io
import json
import os
import sys
import tempfile
import zipfile

import pytest

from retinaface.cluster.targets import running
from retinaface.cluster.targets.guard import OUTPUT_FILE, Ended
from retinaface.cluster.targets.running import Order, Outcome, checked, run_target
from retinaface.verdicts import Verdict
from tests.support.given.target_player import TEST


@pytest.fixture
def play(player):
    def call(word, *more, limit_s=60.0, **env):
        return run_target(Order(player, [*more, "-k", word], env, limit_s))

    return call


def record_of(outcome: Outcome):
    with zipfile.ZipFile(io.BytesIO(outcome.record)) as archive:
        return json.loads(archive.read("record.json"))


@pytest.mark.parametrize(
    ("word", "verdict", "reason"),
    [
        ("passes", Verdict.PASS, ""),
        ("fails", Verdict.FAIL, "test_x.py::a: boxes moved by 3 px"),
        ("lacks", Verdict.FAIL, "test_x.py::a: needs cuda: no device here; the run names it"),
        ("is-open", Verdict.INCONCLUSIVE, "test_x.py::a: noise hides it"),
        ("finds-nothing", Verdict.INCONCLUSIVE, "nothing was measured"),
    ],
)
def test_the_verdict_is_that_of_the_answer(play, word, verdict, reason):
    outcome = play(word)
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert outcome.output == f"VERDICT: {verdict}\n"
    assert record_of(outcome)["verdict"] == verdict.value
    assert outcome.seconds > 0


def test_a_crash_is_a_fail_and_its_record_names_the_test(play):
    outcome = play("crashes")
    problem = "gave no answer (ended by SIGSEGV): loading the engine"
    assert outcome.verdict is Verdict.FAIL
    assert outcome.reason == f"{problem}; test_x.py::a was running"
    record = record_of(outcome)
    assert (record["state"], record["verdict"], record["crash"]) == ("crashed", "FAIL", problem)
    assert record["tests"] == [{"id": TEST, "verdict": "FAIL", "reason": problem, "checks": []}]


def test_a_hang_is_a_fail_at_its_limit(play):
    outcome = play("hangs", limit_s=2.0)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.reason == "gave no answer within 2 s; test_x.py::a was running"
    assert record_of(outcome)["crash"] == "gave no answer within 2 s"
    assert outcome.output == "loading the engine\n"


def test_a_mistake_of_the_program_says_nothing_of_an_engine(play):
    outcome = play("errs")
    words = "gave no answer (exit code 70): retinaface: error: a mistake of this program: KeyError"
    assert (outcome.verdict, outcome.reason) == (Verdict.INCONCLUSIVE, words)


def test_a_run_that_is_refused_leaves_a_row_without_a_record(play):
    outcome = play("refuses")
    reason = "retinaface: error: there is no model x.onnx; name another"
    assert outcome.reason == f"gave no answer (exit code 1): {reason}"
    assert (outcome.verdict, outcome.record) == (Verdict.FAIL, None)


@pytest.mark.parametrize("python", ["/no/such/env", "no-such-python-here"])
def test_an_interpreter_that_is_not_there_is_a_fail(python):
    outcome = run_target(Order(python, []))
    assert (outcome.verdict, outcome.record) == (Verdict.FAIL, None)
    assert outcome.reason.startswith(f"could not start: {python} is neither a Python interpreter")


def test_a_python_without_the_package_says_so(tmp_path):
    """`-S -E` hides this environment's packages."""
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\ncd / && exec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    outcome = run_target(Order(str(bare), []))
    assert outcome.verdict is Verdict.FAIL
    assert outcome.reason.endswith("No module named retinaface")


def test_the_plan_alone_says_what_runs(play, monkeypatch):
    """Options in the worker's variables do not count; its folders of data do."""
    monkeypatch.delenv("RETINAFACE_GOLDEN", raising=False)
    for name in ("ENGINE", "RECORD", "CONFIG"):
        monkeypatch.setenv(f"RETINAFACE_{name}", "x")
    outcome = play("tells", "--engine=mine", MINE="yes", RETINAFACE_BATCH="3")
    names, mine, temporary, words = json.loads(outcome.reason.removeprefix("test_x.py::a: "))
    assert names == ["RETINAFACE_BATCH", "RETINAFACE_CACHE"]
    assert mine == "yes"
    assert temporary.startswith(tempfile.gettempdir())
    assert not os.path.exists(temporary)  # noqa: PTH110 - it is a text of another process
    assert words[3:6] == ["--engine=mine", "-k", "tells"]
    assert "--config=none" in words


def test_a_target_that_nobody_wants_ends_at_once(player):
    asked = iter([True, True, False])
    outcome = run_target(Order(player, ["-k", "hangs"]), lambda: next(asked))
    assert (outcome.verdict, outcome.reason) == (Verdict.INCONCLUSIVE, "was cancelled")
    assert outcome.seconds < 60


def test_a_record_that_is_too_large_is_named_beside_the_verdict(play, monkeypatch):
    monkeypatch.setattr("retinaface.cluster.targets.packing.MAX_BYTES", 10)
    outcome = play("passes")
    assert (outcome.verdict, outcome.record) == (Verdict.PASS, None)
    assert "at most 0 MiB come home" in outcome.reason


def test_the_end_of_the_output_comes_home(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_OUTPUT_BYTES", 4)
    (tmp_path / "x").write_bytes(b"abc\xff123")
    assert running._end_of(tmp_path / "x") == "\ufffd123"


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (None, "a NoneType"),
        ({"verdict": "PASS"}, "a dict"),
        (Outcome("PASS!", ""), "the verdict 'PASS!'"),
        (Outcome(Verdict.PASS, 3), "no text"),
        (Outcome(Verdict.PASS, "", record="text"), "a record of type str"),
        (Outcome(Verdict.PASS, "", seconds=float("nan")), "a time of nan s"),
        (Outcome(Verdict.PASS, "", seconds=-1.0), "a time of -1.0 s"),
    ],
    ids=["none", "dict", "verdict", "reason", "record", "nan", "negative"],
)
def test_what_is_no_outcome_is_a_fail_that_says_what_came(answer, got):
    outcome = checked(answer)
    assert outcome.verdict is Verdict.FAIL
    assert f"answered with {got}" in outcome.reason or got in outcome.reason
    assert "\n" not in outcome.reason


def test_an_outcome_is_taken_with_a_reason_of_one_line():
    assert checked(Outcome(Verdict.FAIL, "one\ntwo")).reason == "one"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"verdict": "GOOD"}',
        b'{"verdict": "PASS", "x": ' + b"[" * 10**5 + b"]" * 10**5 + b"}",
        b'{"verdict": "PASS", "run": {"tests": 3}}',
    ],
    ids=["empty", "cut", "no-utf8", "list", "verdict", "deep", "tests"],
)
def test_an_answer_that_cannot_be_read_is_none(tmp_path, content):
    (tmp_path / "answer.json").write_bytes(content)
    (tmp_path / OUTPUT_FILE).write_bytes(b"words\n")
    outcome = running._conclude(Ended(0, ""), tmp_path)
    assert (outcome.verdict, outcome.reason) == (
        Verdict.FAIL,
        "gave no answer (exit code 0): words",
    )


def test_an_answer_that_the_exit_code_contradicts_fails(tmp_path):
    (tmp_path / "answer.json").write_text('{"verdict": "PASS"}')
    (tmp_path / OUTPUT_FILE).touch()
    outcome = running._conclude(Ended(1, ""), tmp_path)
    words = "its answer says PASS, but it ended with exit code 1"
    assert (outcome.verdict, outcome.reason) == (Verdict.FAIL, words)
    assert running._conclude(Ended(0, ""), tmp_path).verdict is Verdict.PASS
