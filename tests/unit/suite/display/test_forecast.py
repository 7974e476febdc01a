from pathlib import Path
from types import SimpleNamespace

import pytest

from retinaface.suite.display.forecast import count_images, plan_test, plan_tests
from retinaface.suite.sources import DataChoice
from retinaface.suite.target import Target

NAMED = Target(engines=("ort-cuda-fp32",), engines_named=True)


def item(suite, function, **parameters):
    """Stand in for a test, with what a forecast reads of it."""
    return SimpleNamespace(
        nodeid=f"tests/validation/{suite}.py::{function}[x]",
        name=f"{function}[x]",
        originalname=function,
        path=Path(f"tests/validation/{suite}.py"),
        callspec=SimpleNamespace(params=parameters),
        fixturenames=["evaluated"] if suite == "test_widerface_ap" else [],
    )


def seconds(*arguments, n_images=100, **parameters):
    (plan,) = plan_tests([item(*arguments, **parameters)], Target(), n_images)
    return plan["seconds"]


def test_a_test_is_planned_with_suite_function_and_engine():
    plan = plan_test(item("test_fps", "test_network_alone", engine_name="ort-cpu-fp32"), Target())
    assert plan == {
        "id": "tests/validation/test_fps.py::test_network_alone[x]",
        "kind": "test_fps::test_network_alone",
        "engine": "ort-cpu-fp32",
        "seconds": 3.5,
        "is_sure": True,
        "is_fixed": False,
    }


def test_an_accelerator_that_nobody_named_may_not_be_here():
    test = item("test_fps", "test_network_alone", engine_name="ort-cuda-fp32")
    assert not plan_test(test, Target())["is_sure"]
    assert plan_test(test, NAMED)["is_sure"]


def test_a_soak_takes_as_long_as_is_said_on_any_machine():
    test = item("test_fps", "test_soak", engine_name="ort-cpu-fp32")
    plan = plan_test(test, Target(soak_s=90.0))
    assert (plan["seconds"], plan["is_fixed"]) == (90.0, True)
    assert plan_test(test, Target())["seconds"] == 0  # it is skipped


def test_an_evaluation_takes_as_long_as_it_has_images():
    name = "test_widerface_ap", "test_every_image_is_run_by_this_engine"

    def one(pipeline, n):
        return seconds(*name, pipeline_name=pipeline, engine_name="ort-cpu-fp32", n_images=n)

    none = one("igie", 0)
    assert (one("igie", 3226) - none) / (one("igie", 67) - none) == pytest.approx(3226 / 67)
    assert one("upstream-640", 67) > one("igie", 67)


def test_the_first_test_of_an_engine_evaluates_all_its_pipelines():
    names = [(e, p, f) for e in "ab" for f in ("test_x", "test_y") for p in ("igie", "ixrt")]
    items = [
        item("test_widerface_ap", f, engine_name=f"ort-cpu-fp{n}", pipeline_name=p)
        for e, p, f in names
        for n in (32 if e == "a" else 16,)
    ]
    plans = [plan["seconds"] for plan in plan_tests(items, Target(), 500)]
    cheap = min(plans)
    assert [s > cheap for s in plans] == [True, False, False, False] * 2
    (alone, *_) = plan_tests(items[:1], Target(), 500)
    assert plans[0] - cheap == pytest.approx(2 * (alone["seconds"] - cheap))


def test_a_slow_exporter_is_waited_for_where_the_file_is_made():
    one = seconds(
        "test_export_fidelity", "test_a_file_holds_what_was_asked_for", variant="dynamo-18"
    )
    two = seconds(
        "test_export_fidelity", "test_a_file_holds_what_was_asked_for", variant="torch-13"
    )
    assert one > 2 * two


def test_a_test_that_nobody_timed_takes_a_moment():
    assert 0 < seconds("test_new", "test_new") < seconds("test_new_properties", "test_new") < 1


def test_without_data_there_are_no_images(tmp_path):
    assert count_images(Target(data=DataChoice(tmp_path))) == 0
