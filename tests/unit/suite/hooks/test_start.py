"""The options of small validation runs: where they come from, and which are refused."""

import pytest

from tests.support.made.small_suites import PASSES, SKIPS

pytest_plugins = ["pytester"]


def test_options_come_from_the_environment_unless_given(session, monkeypatch):
    monkeypatch.setenv("RETINAFACE_ENGINE", "torch-cpu-fp32, ort-cpu-fp16")
    monkeypatch.setenv("RETINAFACE_PIPELINE", "igie")
    monkeypatch.setenv("RETINAFACE_BATCH", "7")
    _, record = session(PASSES, arguments=["--pipeline=ixrt"])
    assert record["target"]["engines"] == ["torch-cpu-fp32", "ort-cpu-fp16"]
    assert record["target"]["pipelines"] == ["ixrt"]
    assert record["target"]["batch"] == 7


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (
            [],
            "RETINAFACE_ENGINES",
            "*unknown environment variable RETINAFACE_ENGINES; did you mean*",
        ),
        (["--record=tests"], "", "*output folder tests is not empty; name a new one*"),
        (["--engine=ort-cpu"], "", "*unknown engine 'ort-cpu'; expected one of:*"),
        (["--batch=0"], "", "*--batch must be a number from 1 to 1024, got 0*"),
        (["--batch=many"], "", "*--batch must be a number from 1 to 1024, got many*"),
        (["--soak=0.5"], "", "*--soak must be a number of seconds from 1, got 0.5*"),
        (["--soak=long"], "", "*--soak must be a number of seconds from 1, got long*"),
        (["--require=cudda"], "", "*--require cudda: expected one of: *cuda*"),
        (["--accept-baseline"], "", "*--accept-baseline needs --reason TEXT*"),
        (["--weights=no.pth"], "", "*--weights no.pth is not a file*"),
        (["--ground-truth=no"], "", "*no ground truth in no: *check --ground-truth*"),
        (
            ["--engine=ort-cpu-fp32", "--engine-option=fusion=off"],
            "",
            "*ort-cpu-fp32: unknown option 'fusion'; *; did you mean fusions?*",
        ),
    ],
    ids=[
        "variable",
        "record",
        "engine",
        "batch",
        "batch-word",
        "soak",
        "soak-word",
        "require",
        "reason",
        "weights",
        "ground-truth",
        "engine-option",
    ],
)
def test_bad_options_are_usage_errors_before_anything_runs(
    session, monkeypatch, arguments, environment, message
):
    if environment:
        monkeypatch.setenv(environment, "x")
    result, record = session(PASSES, arguments=arguments)
    assert (result.ret, record) == (pytest.ExitCode.USAGE_ERROR, None)
    result.stderr.fnmatch_lines([message])


def test_a_missing_need_that_was_demanded_fails(session):
    result, record = session(SKIPS, arguments=["--require=golden"])
    assert result.ret == 1
    assert record["tests"][0]["reason"].startswith("--require golden: RETINAFACE_GOLDEN")
