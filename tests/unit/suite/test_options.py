import os
import subprocess
import sys

import pytest

from retinaface.cli.validate import validate
from retinaface.detection.pipelines import PIPELINES
from retinaface.suite.options import (
    OPTION,
    OPTIONS,
    PIPELINE_NAMES,
    SUBSET_NAMES,
    read_pairs,
)
from retinaface.widerface.subsets import SUBSETS


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
    assert OPTION[name.lower()].split(value) == expected


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
