from pathlib import Path
from types import SimpleNamespace

import pytest

from retinaface.suite.display.forecast import count_images, plan_test
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
    )


def seconds(*arguments, n_images=100, **parameters):
    return plan_test(item(*arguments, **parameters), Target(), n_images)["seconds"]


def test_a_test_is_planned_with_suite_function_and_engine():
    plan = plan_test(
        item("test_fps", "test_network_alone", engine_name="ort-cpu-fp32"), Target(), 0
    )
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
    assert not plan_test(test, Target(), 0)["is_sure"]
    assert plan_test(test, NAMED, 0)["is_sure"]


def test_a_soak_takes_as_long_as_is_said_on_any_machine():
    test = item("test_fps", "test_soak", engine_name="ort-cpu-fp32")
    plan = plan_test(test, Target(soak_s=90.0), 0)
    assert (plan["seconds"], plan["is_fixed"]) == (90.0, True)
    assert plan_test(test, Target(), 0)["seconds"] == 0  # it is skipped


def test_an_evaluation_takes_as_long_as_it_has_images():
    name = "test_widerface_ap", "test_every_image_is_run_by_this_engine"
    few, many = (seconds(*name, pipeline_name="igie", n_images=n) for n in (67, 3226))
    assert many / few == pytest.approx(3226 / 67)
    assert seconds(*name, pipeline_name="upstream-640") > seconds(*name, pipeline_name="igie")


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
