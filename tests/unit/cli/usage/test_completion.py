"""A shell is offered names: through click, and through the protocol of its script."""

import os
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from retinaface.cli import cli
from retinaface.cli.usage.completion import VARIABLE
from retinaface.engines.catalogue import engine_names

HEAVY = {"numpy", "cv2", "scipy", "torch", "onnx", "onnxruntime", "pooch", "rich", "msgspec"}


def offered(*words):
    *before, incomplete = words
    found = ShellComplete(cli, {}, "retinaface", VARIABLE).get_completions(before, incomplete)
    return [item.value for item in found if item.type == "plain"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("val",), ["validate"]),
        (("assets", "fe"), ["fetch"]),
        (("evaluate", "--engine", ""), engine_names()),
        (
            ("validate", "--engine", "ort-cpu-"),
            ["ort-cpu-fp32", "ort-cpu-fp16", "ort-cpu-int8"],
        ),
        (("ab", "--engine-b", "tvm"), ["tvm-llvm-fp32"]),
        (("detect", "--pipeline", "up"), ["upstream-320", "upstream-640"]),
        (("validate", "--pipeline", "ix"), ["ixrt"]),
        (("score", "--subset", ""), ["every-8"]),
        (("assets", "path", "mob"), ["mobilenet0.25_Final.pth"]),
        (("assets", "fetch", "x", "WIDER"), ["WIDER_val.zip"]),
        (("evaluate", "--weights", "e"), ["embedded"]),
        (("runs", "--conf"), ["--config"]),
    ],
)
def test_names_are_offered(words, expected):
    assert offered(*words) == expected


def test_files_are_left_to_the_shell():
    found = ShellComplete(cli, {}, "retinaface", VARIABLE).get_completions(
        ["evaluate", "--widerface"], "x"
    )
    assert [(item.value, item.type) for item in found] == [("x", "file")]


def test_the_script_of_a_shell_asks_this_program(run):
    for shell in ("bash", "zsh", "fish"):
        code, out, _ = run("completion", shell)
        assert code == 0
        assert f"{VARIABLE}={shell}_complete" in out


def test_the_protocol_answers_with_nothing_heavy_whatever_is_set(tmp_path):
    """A misspelled variable and a bad file are for the command, not for whoever presses tab."""
    (tmp_path / "retinaface.toml").write_text("batc = 3")
    code = (
        "import atexit, sys\nfrom retinaface.cli import main\n"
        f"atexit.register(lambda: print('HEAVY', sorted({HEAVY!r} & set(sys.modules))))\n"
        "main()\n"
    )
    environment = dict(
        os.environ,
        COMP_WORDS="retinaface bench --engine ort-cpu-fp3",
        COMP_CWORD="3",
        RETINAFACE_ENGIN="x",
        **{VARIABLE: "bash_complete"},
    )
    del environment["RETINAFACE_CONFIG"]
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("plain,ort-cpu-fp32\nHEAVY []\n", "")
