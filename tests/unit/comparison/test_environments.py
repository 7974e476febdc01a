"""Facts differ where both sides describe them; what one side leaves open is not known."""

import json

import msgspec
import pytest

from retinaface.checks.speed.ab import A, B
from retinaface.comparison.answer import compared
from retinaface.comparison.compare import compare_runs
from retinaface.comparison.environments import (
    EnvironmentDifference,
    UnknownFact,
    compare_descriptions,
    compare_environments,
    short_key,
    unknown_lines,
)
from retinaface.comparison.text import markdown, same_environment_text
from retinaface.records.read import read_run
from retinaface.records.schema import ModelFile
from tests.support.made.records import ENGINE, RESULT, make_run

WEIGHTS = {"weights": {"sha256": "a" * 64}}
OTHER_WEIGHTS = {"weights": {"sha256": "b" * 64}}


@pytest.fixture
def pair_of(tmp_path):
    """Give a maker of two runs, each with its own fields."""

    def make(old, new):
        return make_run(tmp_path / "a", **old), make_run(tmp_path / "b", **new)

    return make


def described(**facts):
    """Make the fields of a run whose engine describes these facts."""
    return {"result": {"engine": {"name": ENGINE, "device": "cpu"} | facts}}


def test_differences_are_named_and_flags_are_differences(pair_of):
    flags = ["avx", "sse2"], ["avx", "avx512f"]
    packages = {"numpy": "2.0"}, {"numpy": "2.1", "onnxruntime": "1.18.1"}
    environments = [
        {"environment": {"cpu_flags": flags[i], "packages": packages[i]}} for i in range(2)
    ]
    found = compare_environments(*pair_of(*environments))
    assert {d.key: (d.old, d.new) for d in found.differences} == {
        "cpu_flags": ("sse2", "avx512f"),
        "packages/numpy": ("2.0", "2.1"),
        "packages/onnxruntime": ("not installed", "1.18.1"),
    }
    assert found.unknown == []


@pytest.mark.parametrize("open_side", ["old", "new"])
def test_weights_that_one_run_does_not_name_are_not_known(pair_of, open_side):
    fields = [{"target": WEIGHTS}, {}]
    found = compare_environments(*pair_of(*(fields if open_side == "new" else fields[::-1])))
    assert found == ([], [UnknownFact("weights", open_side)])


def test_weights_that_both_runs_name_differ(pair_of):
    found = compare_environments(*pair_of({"target": WEIGHTS}, {"target": OTHER_WEIGHTS}))
    assert found == ([EnvironmentDifference("weights", "a" * 64, "b" * 64)], [])


def test_what_neither_run_describes_is_not_listed(pair_of):
    fields = {"commit": None, "environment": {"libc": None}}
    assert compare_environments(*pair_of(fields, fields)) == ([], [])


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"libc": None}, "libc"),
        ({"clocks": {"scaling_governor": None}}, "clocks/scaling_governor"),
    ],
    ids=["libc", "clocks"],
)
def test_a_fact_that_a_machine_does_not_show_is_not_known(pair_of, facts, key):
    whole = {
        "libc": "glibc 2.36",
        "clocks": {"scaling_governor": "performance"},
    }
    found = compare_environments(*pair_of({"environment": whole}, {"environment": whole | facts}))
    assert found == ([], [UnknownFact(key, "new")])


def test_facts_that_an_old_version_did_not_look_for_are_not_known(pair_of):
    old, new = pair_of({}, {"environment": {"threads": {"OMP_NUM_THREADS": "1"}}})
    path = old.folder / "record.json"
    record = json.loads(path.read_text())
    missing = ("cpu_flags", "clocks", "threads", "accelerators")
    whole = {name: record["environment"].pop(name) for name in missing}
    path.write_text(json.dumps(record | {"schema_version": 1}))
    found = compare_environments(read_run(old.folder), new)
    assert found.differences == []
    assert {fact.key.partition("/")[0] for fact in found.unknown} >= {"accelerators", "threads"}
    record["environment"] |= {name: whole[name] for name in ("cpu_flags", "clocks")}
    path.write_text(json.dumps(record | {"schema_version": 3}))  # written without what is empty
    found = compare_environments(read_run(old.folder), new)
    assert [d.old for d in found.differences] == ["not set"]
    assert found.unknown == []


def test_a_variable_that_is_not_set_is_known(pair_of):
    sides = [{"environment": {"threads": t}} for t in ({}, {"OMP_NUM_THREADS": "1"})]
    (difference,) = compare_environments(*pair_of(*sides)).differences
    assert difference == EnvironmentDifference("threads/OMP_NUM_THREADS", "not set", "1")


def test_options_of_the_engine_are_part_of_the_environment(pair_of):
    sides = [described(options=options) for options in ({}, {"fusions": "off"})]
    (difference,) = compare_environments(*pair_of(*sides)).differences
    key = f"{RESULT}: engine/options/fusions"
    assert difference == EnvironmentDifference(key, "not set", "off")


def test_options_that_an_engine_does_not_describe_are_not_known(pair_of):
    found = compare_environments(*pair_of(described(), described(options={"fusions": "off"})))
    assert found == ([], [UnknownFact(f"{RESULT}: engine/options/fusions", "old")])


def test_none_is_an_answer_of_an_engine(pair_of):
    found = compare_environments(*pair_of(described(threads=None), described(threads=4)))
    key = f"{RESULT}: engine/threads"
    assert found == ([EnvironmentDifference(key, "none", "4")], [])


def test_an_engine_that_only_one_run_describes_is_no_difference(pair_of):
    assert compare_environments(*pair_of({"result": {"engine": {}}}, {})) == ([], [])


def test_what_two_engines_do_not_both_describe_is_not_listed(pair_of):
    other = {"ids": (RESULT.replace("ort", "torch"),)}
    found = compare_environments(*pair_of(described(parallel_calls=2), other))
    assert [d.key.rpartition("/")[2] for d in found.differences] == ["name"]
    assert found.unknown == []


def test_a_file_that_is_named_and_not_kept_is_not_known(pair_of):
    model = {"file": "x.onnx", "sha256": "c" * 64, "kept": None, "manifest": None}
    engine = {"name": ENGINE, "device": "cpu", "model": "x.onnx"}
    runs = pair_of({"result": {"engine": engine}}, {"result": {"engine": engine}})
    for run, kept in zip(runs, (None, model), strict=True):
        run.results[RESULT].model = None if kept is None else ModelFile(**kept)
    assert compare_environments(*runs) == ([], [UnknownFact(f"{RESULT}: model", "old")])
    for run in runs:
        del run.results[RESULT].engine["model"]  # as an engine that builds the network itself
    (difference,) = compare_environments(*runs).differences
    assert (difference.old, difference.new) == ("none", "c" * 16)


def test_two_descriptions_are_compared_without_records():
    environments = {"python": "3.11", "libc": None}, {"python": "3.12", "libc": "glibc 2.36"}
    engines = {"threads": None, "options": {}}, {"threads": 2}
    found = compare_descriptions(environments, engines)
    assert [(d.key, d.old, d.new) for d in found.differences] == [
        ("python", "3.11", "3.12"),
        ("engine/threads", "none", "2"),
    ]
    assert list(unknown_lines(found.unknown, (A, B))) == ["not known for A: libc"]


def test_a_fact_of_many_results_is_written_once():
    unknown = [UnknownFact(f"{name}: engine/threads", "new") for name in "xy"]
    unknown += [UnknownFact("weights", "old"), UnknownFact("packages/numpy", "new")]
    assert list(unknown_lines(unknown, ("a", "b"))) == [
        "not known for a: weights",
        "not known for b: threads, numpy",
    ]
    assert short_key("libc") == "libc"


def test_markdown_and_json_list_what_is_not_known(pair_of):
    comparison = compare_runs(*pair_of({}, {"target": WEIGHTS}))
    text = markdown([comparison])
    assert "The environments are the same, as far as both runs describe them." in text
    assert "Not known for a: weights." in text
    content = msgspec.to_builtins(compared(comparison))
    assert content["environment"] == []
    assert content["not_known"] == [{"key": "weights", "side": "old"}]


def test_without_an_unknown_fact_the_environments_are_the_same(pair_of):
    comparison = compare_runs(*pair_of({}, {}))
    assert same_environment_text(comparison) == "The environments are the same."
    assert "Not known" not in markdown([comparison])
