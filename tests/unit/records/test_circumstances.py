"""What a record says of machine, target and coverage has a type for each fact."""

import msgspec

from retinaface.environment import describe_environment
from retinaface.records.circumstances import Coverage, Environment, Target
from retinaface.suite import target


def test_no_fact_of_the_environment_is_lost():
    facts = describe_environment()
    kept = msgspec.to_builtins(msgspec.convert(facts, Environment))
    assert kept == {name: fact for name, fact in facts.items() if name in kept}
    assert all(facts[name] is None for name in facts if name not in kept)


def test_an_empty_fact_is_not_an_unknown_one():
    facts = describe_environment() | {"threads": {}, "accelerators": [], "cpu_flags": []}
    kept = msgspec.to_builtins(msgspec.convert(facts, Environment))
    assert (kept["threads"], kept["accelerators"], kept["cpu_flags"]) == ({}, [], [])
    for name in ("threads", "accelerators", "cpu_flags"):
        del facts[name]
    kept = msgspec.to_builtins(msgspec.convert(facts, Environment))
    assert not {"threads", "accelerators", "cpu_flags"} & kept.keys()


def test_no_fact_of_the_target_is_lost():
    facts = target.Target(engines=("a",), pipelines=("igie",), batch=3).as_json()
    facts["config"] = "retinaface.toml: batch"
    assert msgspec.to_builtins(msgspec.convert(facts, Target)) == facts


def test_coverage_keeps_what_it_is_given():
    facts = {"suites": {"test_fps": {"PASS": 1}}, "skipped": [{"reason": "r", "tests": ["t"]}]}
    assert msgspec.to_builtins(msgspec.convert(facts, Coverage)) == facts
