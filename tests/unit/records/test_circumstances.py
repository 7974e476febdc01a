"""What a record says of machine, target and coverage has a type for each fact."""

import msgspec

from retinaface.environment import describe_environment
from retinaface.records.circumstances import Coverage, Environment, Target
from retinaface.suite import target


def test_no_fact_of_the_environment_is_lost():
    facts = describe_environment()
    kept = msgspec.to_builtins(msgspec.convert(facts, Environment))
    assert kept == {name: fact for name, fact in facts.items() if name in kept}
    assert {name for name in facts if name not in kept} <= {
        name for name, fact in facts.items() if not fact
    }


def test_no_fact_of_the_target_is_lost():
    facts = target.Target(engines=("a",), pipelines=("igie",), batch=3).as_json()
    assert msgspec.to_builtins(msgspec.convert(facts, Target)) == facts


def test_coverage_keeps_what_it_is_given():
    facts = {"suites": {"test_fps": {"PASS": 1}}, "skipped": [{"reason": "r", "tests": ["t"]}]}
    assert msgspec.to_builtins(msgspec.convert(facts, Coverage)) == facts
