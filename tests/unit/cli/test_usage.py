"""Bad usage and errors of the environment are one line."""

import pytest

from retinaface.cli import cli
from tests.support.made.pictures import image

FINDER = "tests.support.widerface:Finder"


def none(_spec):
    return None


def raises(_spec):
    return 1 // 0


def test_usage_errors_are_one_line(refuse):
    refuse("evaluat", match="No such command 'evaluat'.*see: retinaface --help")
    refuse("export", match="Missing option '--output'.*see: retinaface export --help")
    refuse("detect", "x.jpg", "--pipeline", "none", match="'none' is not one of 'igie'")
    refuse("detect", "x.jpg", "--score", "2", match=r"not in the range 0.02<=x<=1")
    refuse("export", "--output", "x.onnx", "--batch-size", "0", match="at least 1, or dynamic")


def test_the_list_of_commands_cuts_no_sentence(run):
    _, printed, _ = run("--help")
    listed = printed.partition("Commands:")[2]
    assert len(listed.splitlines()) > len(cli.commands)
    assert "..." not in listed


def test_an_engine_that_cannot_be_built_is_bad_input(refuse, tmp_path):
    path = image(tmp_path / "a.png")
    for engine, message in (
        (":f", "cannot import :f"),
        ("os:getcwd", "cannot be built: TypeError"),
        (f"{__name__}:none", "gave NoneType, expected a retinaface.engines.base.Engine"),
        (f"{__name__}:raises", "cannot be built: ZeroDivisionError"),
        (
            "tests.support.given.ends_python:engine",
            "cannot import tests.support.given.ends_python:engine",
        ),
    ):
        refuse("detect", path, "--engine", engine, "--model", "any.model", match=message)


def test_a_full_disk_is_one_line(refuse, tmp_path, monkeypatch):
    path = image(tmp_path / "a.png")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    options = ["--engine", FINDER, "--model", "any.model", "--json", "a.json"]
    refuse("detect", path, *options, match=r"cannot write a\.json: No space left on device; name")
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("command", cli.commands)
def test_every_command_refuses_a_misspelled_variable(run, refuse, monkeypatch, command):
    monkeypatch.setenv("RETINAFACE_ENGIN", "ort-cpu-fp32")
    match = "unknown environment variable RETINAFACE_ENGIN; did you mean RETINAFACE_ENGINE?"
    refuse(command, "no-such-path", match=match)
    code, out, _ = run(command, "--help")  # which says what the variables are
    assert (code, out.partition(":")[0]) == (0, "Usage")
