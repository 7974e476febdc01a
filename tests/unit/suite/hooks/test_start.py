"""The options of small validation runs: where they come from, and which are refused."""

import json

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


def configured(**values):
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def test_options_come_from_the_file_if_nothing_else_gives_them(session, monkeypatch):
    monkeypatch.setenv("RETINAFACE_BATCH", "7")
    monkeypatch.delenv("RETINAFACE_CONFIG")
    text = configured(engine=["torch-cpu-fp32"], pipeline="igie", batch=3, weights="embedded")
    files = {"retinaface.toml": text, "shared/other.toml": "batch = 5"}
    _, record = session(PASSES, arguments=["tests/validation", "--pipeline=ixrt"], files=files)
    target = record["target"]
    assert (target["engines"], target["pipelines"]) == (["torch-cpu-fp32"], ["ixrt"])
    assert target["batch"] == 7
    # What it gave and what was used differ only where the command line goes before it.
    assert target["config"].endswith("retinaface.toml: engine, pipeline, weights")


def test_a_file_is_named_or_left_out(session):
    files = {"retinaface.toml": "batch = 3", "shared/other.toml": "batch = 5"}
    arguments = ["tests/validation", "--config=shared/other.toml"]
    assert session(PASSES, arguments=arguments, files=files)[1]["target"]["batch"] == 5


def test_no_file_is_looked_for_unless_an_argument_names_the_suites(session, monkeypatch):
    monkeypatch.delenv("RETINAFACE_CONFIG")
    _, record = session(PASSES, files={"retinaface.toml": "batch = 3"})
    assert (record["target"]["batch"], record["target"]["config"]) == (None, "")


def test_a_bad_file_is_a_usage_error(session):
    arguments = ["--config=retinaface.toml"]
    result, record = session(PASSES, arguments=arguments, files={"retinaface.toml": "batc = 3"})
    assert (result.ret, record) == (pytest.ExitCode.USAGE_ERROR, None)
    result.stderr.fnmatch_lines(["*retinaface.toml: batc: unknown option; did you mean batch[?]*"])


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (
            [],
            "RETINAFACE_ENGINES",
            "*unknown environment variable RETINAFACE_ENGINES; did you mean*",
        ),
        (["--record=tests"], "", "*output folder tests is not empty; name a new one*"),
        (["--engine=ort-cpu"], "", "*unknown engine 'ort-cpu'; did you mean ort-cpu-*[?]*"),
        (["--batch=0"], "", "*--batch must be a number from 1 to 1024, got 0*"),
        (["--batch=many"], "", "*--batch must be a number from 1 to 1024, got many*"),
        (["--soak=0.5"], "", "*--soak must be a number of seconds from 1, got 0.5*"),
        (["--soak=long"], "", "*--soak must be a number of seconds from 1, got long*"),
        (["--require=cudda"], "", "*unknown --require 'cudda'; did you mean cuda[?]*"),
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
