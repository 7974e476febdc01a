import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from retinaface.cli.validate import validate
from retinaface.detection.pipelines import PIPELINES
from retinaface.suite.options import (
    ENV_PREFIX,
    OPTION,
    OPTIONS,
    PIPELINE_NAMES,
    SUBSET_NAMES,
    TargetError,
    check_environment,
    read_pairs,
)
from retinaface.widerface.subsets import SUBSETS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RETINAFACE_ENGINES", "did you mean RETINAFACE_ENGINE?"),
        ("RETINAFACE_WIDERFASE", "did you mean RETINAFACE_WIDERFACE?"),
        (
            "RETINAFACE_NUMBER_OF_THREADS_OF_IT",
            "expected one of: RETINAFACE_ENGINE, RETINAFACE_PIPELINE",
        ),
    ],
)
def test_a_variable_that_changes_nothing_is_refused_with_a_hint(name, hint):
    message = re.escape(f"unknown environment variable {name}; {hint}")
    with pytest.raises(TargetError, match=message):
        check_environment({"PATH": "x", "RETINAFACE_BATCH": "3", name: "1"})


def test_every_variable_that_is_read_is_known():
    """Variables that other modules read are known too."""
    sources = [*(ROOT / "retinaface").rglob("*.py"), ROOT / "conftest.py"]
    found = {
        name
        for source in sources
        for name in re.findall(r"\bRETINAFACE_[A-Z]+\b", source.read_text())
    }
    assert {"RETINAFACE_ASSETS", "RETINAFACE_CACHE", "RETINAFACE_GOLDEN"} <= found
    check_environment(dict.fromkeys(found, "") | {"UNRELATED": ""})
    check_environment({ENV_PREFIX + o.key.upper(): "" for o in OPTIONS if o.variable})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ENGINE", "a, b  c,,d", ["a", "b", "c", "d"]),
        ("PIPELINE", "igie", ["igie"]),
        ("REQUIRE", " torch ", ["torch"]),
        ("MODEL", os.pathsep.join(["/a b,c.onnx", "", "d.onnx"]), ["/a b,c.onnx", "d.onnx"]),
        ("WIDERFACE", "/my data, all", ["/my data, all"]),
        ("RECORD", "", []),
        ("ENGINE", "", []),
        ("MODEL", "", []),
        ("ENGINE_FILE", os.pathsep.join(["/a b.so", "c.so"]), ["/a b.so", "c.so"]),
        ("ENGINE_OPTION", "target=llvm -x=a,b; batch=8;", ["target=llvm -x=a,b", "batch=8"]),
    ],
)
def test_variables_hold_lists_where_the_option_repeats(name, value, expected):
    assert OPTION[name.lower()].values({"RETINAFACE_" + name: value}) == expected


def test_a_variable_that_is_not_set_gives_nothing():
    assert [option.values({}) for option in OPTIONS] == [[]] * len(OPTIONS)


def test_accepting_is_an_option_of_the_command_line_alone():
    assert OPTION["accept_baseline"].values({"RETINAFACE_ACCEPT_BASELINE": "1"}) == []
    with pytest.raises(TargetError, match="unknown environment variable RETINAFACE_REASON"):
        check_environment({"RETINAFACE_REASON": "it is right"})


def test_every_option_is_one_of_pytest_and_of_validate(pytestconfig):
    known = {option.name: option for option in validate.params}
    for one in OPTIONS:
        assert hasattr(pytestconfig.option, one.key)
        assert known[one.key].multiple == (one.separator is not None)
        assert known[one.key].help == one.help


def test_repeated_names_equal_those_of_their_modules():
    assert tuple(PIPELINES) == PIPELINE_NAMES
    assert SUBSETS == SUBSET_NAMES


def test_reading_the_options_needs_no_numpy():
    code = "import sys, retinaface.suite.options; print('numpy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


def test_pairs_are_read_and_a_value_may_hold_anything():
    assert read_pairs(["target=llvm -x=y", "batch="]) == {"target": "llvm -x=y", "batch": ""}


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["a"], "'a' is not of the form NAME=VALUE"),
        (["=b"], "'=b' is not of the form NAME=VALUE"),
        (["a=1", "a=2"], "'a=2' is given twice"),
    ],
    ids=["no-value", "no-name", "twice"],
)
def test_a_text_that_is_no_pair_is_named(texts, problem):
    with pytest.raises(ValueError, match=problem):
        read_pairs(texts)
