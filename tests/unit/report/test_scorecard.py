"""The scorecard: an answer to each question in the order of the data, and no empty green."""

import numpy as np
import pytest

from retinaface.report.scorecard import build_scorecard
from retinaface.verdicts import Question
from tests.support.made.records import ENGINE, RESULT, entry, make_run
from tests.support.made.reports import answer_of, check_of, make_scored_run


def answers_of(tmp_path, *tests, **more):
    card = build_scorecard(make_run(tmp_path / "r", tests=list(tests), **more))
    return {answer.question: answer for answer in card.answers}


def test_there_is_one_row_for_each_question_in_the_order_of_the_data(tmp_path):
    card = build_scorecard(make_scored_run(tmp_path / "r", "PASS"))
    assert [answer.question for answer in card.answers] == list(Question)
    assert [answer.verdict for answer in card.answers] == [
        *("PASS", "PASS", "NOT ASKED", "SKIPPED", "NOT ASKED"),
        *("NOT ASKED", "PASS", "PASS", "PASS"),
    ]


def test_what_was_not_asked_or_skipped_says_so_and_how_to_ask_it(tmp_path):
    skipped = answer_of("fp16", "SKIPPED", reason="needs cuda")
    answers = answers_of(tmp_path, answer_of("ap", "PASS"), skipped, target={"engines": [ENGINE]})
    assert (answers[Question.FP16].note, answers[Question.FP16].margin) == ("skipped: 1 test", None)
    layers = answers[Question.LAYERS]
    assert layers.note == "no test of it was selected"
    assert layers.command == f"retinaface validate --engine {ENGINE} -k layer_drift"
    assert not layers.is_answered


def test_a_speed_that_was_compared_with_nothing_says_so(tmp_path):
    drift = check_of("drift", 1.0, 1.08, unit="times the first third", rest=1.0)
    answer = answers_of(tmp_path, answer_of("speed", "PASS", drift))[Question.SPEED]
    assert answer.note == "no baseline: steadiness alone, 1 test"


def test_a_failed_yes_or_no_is_not_hidden_by_the_margin_of_another_check(tmp_path):
    wrong = {"name": "interface", "verdict": "FAIL", "message": "", "numbers": {}}
    tests = [
        answer_of("export", "PASS", check_of("a", 0.1, 1.0)),
        answer_of("export", "FAIL", wrong) | {"id": "b"},
    ]
    answer = answers_of(tmp_path, *tests)[Question.EXPORT]
    assert (answer.verdict, answer.margin, answer.note) == ("FAIL", None, "1 of 2 tests pass")


def test_a_test_that_did_not_end_is_no_pass(tmp_path):
    cut = answer_of("engine", "PASS") | {"verdict": None}
    run = make_run(
        *(tmp_path / "r",),
        tests=[],
        state="crashed",
        running="t::a",
        crash="signal 11",
        verdict="FAIL",
    )
    run.record.tests.extend(
        make_run(tmp_path / "s", tests=[answer_of("engine", "PASS")]).record.tests
    )
    run.record.tests[0].verdict = cut["verdict"]
    card = build_scorecard(run)
    assert card.problem == "The run did not end: t::a; the process ended by signal 11"
    assert next(a.verdict for a in card.answers if a.question is Question.ENGINE) == "FAIL"
    assert card.findings[0].reason == "it did not end"


def test_the_basis_counts_images_engines_tests_and_skips(tmp_path):
    basis = build_scorecard(make_scored_run(tmp_path / "r", "PASS")).basis
    assert (basis.n_images, basis.images) == (60, "of the embedded set, not of WIDER FACE")
    assert (basis.engines, basis.pipelines) == ([ENGINE], ["igie"])
    assert (basis.n_ran, basis.n_skipped) == (5, 1)
    (group,) = basis.skips
    assert (group.reason, group.engines, group.n) == ("needs cuda: no driver", [ENGINE], 1)


def test_images_of_wider_face_are_a_share_of_it(tmp_path):
    many = {"hits": np.ones(434, bool), "images": [f"e/{i}" for i in range(434)]}
    some = build_scorecard(make_run(tmp_path / "a", **many, result={"n_images": 434})).basis
    assert (some.n_images, some.images) == (434, "of 3226 of WIDER FACE")
    none = build_scorecard(make_run(tmp_path / "b", ids=())).basis
    assert (none.n_images, none.images) == (0, "no image was scored")


@pytest.mark.parametrize(
    ("tests", "text"),
    [([entry("t::a")], "older release"), ([], "`validate` judges")],
)
def test_records_without_questions_say_why_there_is_no_answer(tmp_path, tests, text):
    card = build_scorecard(make_run(tmp_path / "r", tests=tests))
    assert card.answers == []
    assert text in card.note
    assert card.figures


def test_a_failure_names_stage_layer_tests_and_what_to_type(tmp_path):
    card = build_scorecard(make_scored_run(tmp_path / "r", "FAIL"))
    (found,) = card.findings
    assert (found.title, found.n_bad, found.n_tests) == ("Detections the same?", 1, 1)
    assert found.earlier == ["Export faithful?", "Placed where it should be?"]
    assert found.layers == {RESULT: "stage8: 9 times its noise floor, at most 8"}
    again, compare = (command.text for command in found.commands)
    assert again == f"retinaface validate --engine {ENGINE} --widerface embedded -k widerface_ap -v"
    assert compare == f"retinaface compare GOOD-RUN {tmp_path / 'r'} --attribute"


def test_a_later_failure_points_to_the_first_one(tmp_path):
    tests = [answer_of("export", "FAIL"), answer_of("ap", "FAIL")]
    first, later = build_scorecard(make_run(tmp_path / "r", tests=tests)).findings
    assert (first.cause, later.cause, later.earlier) == ("", first.title, [])


def test_what_is_open_says_why_and_which_command_would_answer_it(tmp_path):
    (found,) = build_scorecard(make_scored_run(tmp_path / "r", "INCONCLUSIVE")).findings
    assert (found.verdict, found.reason) == ("INCONCLUSIVE", "noise hides it")
    assert found.commands[0].text.endswith("-k fps --record NEW-RUN")
    assert found.commands[-1].text.endswith("--accept-baseline --reason TEXT")
