"""A result finds its baseline, or is offered as one; what differs is never a pass."""

from types import SimpleNamespace

import pytest

from retinaface.checks.speed.gate import speed_entry
from retinaface.errors import BaselineError
from retinaface.suite.acceptance import Acceptance
from retinaface.suite.baseline_search import BaselineQuery, Match, find_or_offer
from retinaface.verdicts import Check, Verdict

ENGINE = {"name": "ort-cpu-fp32", "runtime": "onnxruntime 1.31.1", "device": "cpu"}
KEY = {"pipeline": "igie", "precision": "fp32", "device": "amd", "batch": 8}
KEY |= {"timed": "network", "engine": "ort-cpu-fp32"}
FIGURES = {"images_per_s": 800.0, "samples_s": [0.01, 0.01]}
OTHER_PIPELINE = KEY | {"pipeline": "ixrt"}


def entry(key=KEY):
    return speed_entry(**key, figures=FIGURES)


@pytest.fixture
def accept(tmp_path):
    """Accept entries, and give the folder of baselines."""

    def call(*entries):
        acceptance = Acceptance(True, "a new runtime", tmp_path)
        for one in entries:
            acceptance.offer(one, ENGINE)
        acceptance.finish(SimpleNamespace(verdict=Verdict.PASS))
        return tmp_path

    return call


def query(*keys, **changes):
    values = {
        "name": "speed baseline",
        "what": "speed baseline for amd",
        "metric": "speed",
        "keys": keys or [KEY],
        "engine": ENGINE,
        "make_entry": lambda known: entry() | {"reason": f"{len(known)} are known"},
    }
    return BaselineQuery(**values | changes)


def test_a_baseline_with_the_keys_of_the_result_is_found(accept):
    acceptance = Acceptance(False, "", accept(entry()))
    found = find_or_offer(query(), acceptance)
    assert isinstance(found, Match)
    assert (found.entry.data["pipeline"], found.i_key) == ("igie", 0)
    acceptance.finish(SimpleNamespace(verdict=Verdict.PASS))
    assert acceptance.lines() == []  # nothing is offered


def test_the_first_of_the_keys_that_finds_one_counts(accept):
    acceptance = Acceptance(False, "", accept(entry(), entry(OTHER_PIPELINE)))
    third = KEY | {"pipeline": "upstream-320"}
    found = find_or_offer(query(third, OTHER_PIPELINE, KEY), acceptance)
    assert (found.entry.data["pipeline"], found.i_key) == ("ixrt", 1)


def test_a_result_without_a_baseline_for_a_reason_says_so_and_offers_nothing(accept):
    instead = Check("baseline", Verdict.INCONCLUSIVE, "3194 of 3226 images")
    acceptance = Acceptance(False, "", accept(entry(OTHER_PIPELINE)))
    assert find_or_offer(query(instead=instead), acceptance) is instead
    assert isinstance(find_or_offer(query(OTHER_PIPELINE, instead=instead), acceptance), Match)
    acceptance.finish(SimpleNamespace(verdict=Verdict.PASS))
    assert acceptance.lines() == []


def test_a_baseline_that_is_not_comparable_is_passed_over(accept):
    acceptance = Acceptance(False, "", accept(entry()))
    check = find_or_offer(query(is_usable=lambda _: False), acceptance)
    assert check.verdict is Verdict.INCONCLUSIVE


def test_where_there_is_none_of_speed_the_result_is_offered_and_inconclusive(tmp_path):
    acceptance = Acceptance(False, "", tmp_path)
    check = find_or_offer(query(), acceptance)
    path = tmp_path / "amd/onnxruntime-1.31.1.json"
    assert (check.name, check.verdict) == ("speed baseline", Verdict.INCONCLUSIVE)
    assert check.message == (
        f"there is no speed baseline for amd in {tmp_path}; a candidate for {path} is written; "
        "look at it, and accept it on a clean checkout with: "
        '--accept-baseline --reason "why this is right"'
    )
    acceptance.finish(SimpleNamespace(verdict=Verdict.INCONCLUSIVE))
    assert path.with_name("onnxruntime-1.31.1.candidate.json").is_file()


def test_where_there_is_none_of_accuracy_the_test_fails(tmp_path):
    key = {"pipeline": "igie", "precision": "fp32", "device": "any"}
    accuracy = query(key, name="accuracy baseline", what="accuracy baseline", metric="accuracy")
    check = find_or_offer(accuracy, Acceptance(False, "", tmp_path))
    assert (check.name, check.verdict) == ("accuracy baseline", Verdict.FAIL)
    assert "there is no accuracy baseline" in check.message


def test_what_is_not_gated_is_reported_and_not_offered(tmp_path):
    acceptance = Acceptance(False, "", tmp_path)
    check = find_or_offer(query(ungated="not gated on a CPU"), acceptance)
    assert (check.verdict, check.message) == (Verdict.PASS, "not gated on a CPU")
    acceptance.finish(SimpleNamespace(verdict=Verdict.PASS))
    assert list(tmp_path.iterdir()) == []


def test_accuracy_that_is_not_gated_is_passed_over_in_words(tmp_path):
    """As of INT8 on a device without a baseline: budgets judge it."""
    key = {"pipeline": "igie", "precision": "int8", "device": "amd-epyc-int8-none"}
    asked = query(key, name="baseline", metric="accuracy", ungated="judged by budgets")
    check = find_or_offer(asked, Acceptance(False, "", tmp_path))
    assert (check.verdict, check.message) == (Verdict.PASS, "judged by budgets")


def test_accepting_offers_the_result_with_its_engine_and_entry(accept):
    acceptance = Acceptance(True, "a newer runtime", accept(entry()))
    check = find_or_offer(query(ungated="not gated on a CPU"), acceptance)
    assert check.verdict is Verdict.PASS
    assert check.message.startswith("to be accepted as ")
    acceptance.finish(SimpleNamespace(verdict=Verdict.PASS))
    (written,) = Acceptance(False, "", acceptance.place).entries
    assert written.data["reason"] == "1 are known"


def test_what_differs_in_a_file_that_was_named_for_the_run_is_named(accept):
    file = accept(entry(OTHER_PIPELINE)) / "amd/onnxruntime-1.31.1.json"
    check = find_or_offer(query(), Acceptance(False, "", file))
    assert (check.name, check.verdict) == ("speed baseline", Verdict.INCONCLUSIVE)
    assert "pipeline: baseline ixrt, run igie" in check.message


def test_the_speed_of_another_device_is_no_baseline_of_this_one(accept):
    folder = accept(entry(KEY | {"device": "intel"}))
    check = find_or_offer(query(), Acceptance(False, "", folder))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "there is no speed baseline for amd" in check.message


def test_a_damaged_file_fails_every_test_that_needs_it(tmp_path):
    (tmp_path / "amd").mkdir()
    (tmp_path / "amd/a.json").write_text("{")
    acceptance = Acceptance(False, "", tmp_path)
    for _ in range(2):
        with pytest.raises(BaselineError):
            find_or_offer(query(), acceptance)
