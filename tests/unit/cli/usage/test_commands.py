"""Values that nobody typed, and typos, in every command alike."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from retinaface.cli import cli
from retinaface.cli.usage.commands import Command, Group
from retinaface.cli.usage.types import Choice
from retinaface.suite.settings.given import read_settings
from tests.support.made.pictures import image
from tests.support.pages import named_block
from tests.support.widerface import Finder

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs" / "configuration.md"
FINDER = "tests.support.widerface:Finder"


class Willing(Finder):
    """Takes every option."""

    other_options_go_to = "the test"


def leaves(group=cli, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.fixture
def configure(run, tmp_path, monkeypatch):
    """Write a file into the working directory, which is read."""
    monkeypatch.delenv("RETINAFACE_CONFIG")

    def call(text):
        (tmp_path / "retinaface.toml").write_text(text)

    return call


@pytest.fixture
def detect(run, tmp_path):
    picture = image(tmp_path / "a.png")
    return lambda *words: run("detect", picture, "--model", "any.model", *words)


def test_every_command_and_choice_is_of_the_common_kind():
    for _, command in leaves():
        assert isinstance(command, Command)
        assert not any(type(one.type) is click.Choice for one in command.params)
    assert isinstance(cli, Group)
    assert isinstance(cli.commands["assets"], Group)


def test_what_is_typed_goes_before_a_variable_and_that_before_the_file(
    detect, configure, monkeypatch
):
    configure(f'engine = "{FINDER}"\npipeline = "no-such"\n')
    assert detect()[0] == 2
    configure(f'engine = "{FINDER}"\npipeline = "igie"\nscore = 0.02\n')
    code, _, err = detect()
    assert code == 0
    assert re.match(r"note: engine, pipeline, score from /\S+/retinaface\.toml\n", err)
    monkeypatch.setenv("RETINAFACE_ENGINE", "os:getcwd")
    assert "cannot be built" in detect()[2]
    code, _, err = detect("--engine", FINDER)
    assert (code, err.partition(" from ")[0]) == (0, "note: pipeline, score")


def test_nothing_is_said_where_nothing_comes_from_the_file(detect, configure):
    configure('[validate]\nengine = "no-such"\n')
    assert detect("--engine", FINDER)[::2] == (0, "")
    assert detect("--engine", FINDER, "--config", "none")[::2] == (0, "")


def test_a_bad_value_is_blamed_on_where_it_comes_from(detect, configure, monkeypatch, tmp_path):
    configure("score = 7")
    file = tmp_path / "retinaface.toml"
    assert detect()[2].startswith(f"retinaface: error: {file}: score: 7.0 is not in the range")
    monkeypatch.setenv("RETINAFACE_SCORE", "much")
    assert detect()[2].startswith("retinaface: error: RETINAFACE_SCORE: 'much' is not a valid")
    monkeypatch.setenv("RETINAFACE_PIPELINE", "igei")
    assert "RETINAFACE_PIPELINE: 'igei' is not one of" in detect("--score", "0.5")[2]


def test_several_values_for_an_option_that_is_given_once_are_refused_where_needed(
    detect, configure
):
    configure(f'engine = ["{FINDER}", "ort-cpu-fp16"]')
    code, _, err = detect()
    assert code == 2
    assert f"engine names 2: {FINDER}, ort-cpu-fp16; detect takes one, so add --engine" in err
    assert detect("--engine", FINDER)[0] == 0


def test_a_bad_file_is_refused_by_every_command(refuse, configure):
    configure("batc = 3")
    for words, _ in leaves():
        refuse(*words, "x", match="batc: unknown option; did you mean batch?")


def test_help_is_shown_whatever_the_file_says(run, configure):
    configure("batc = 3")
    for words, _ in leaves():
        code, out, _ = run(*words, "--help")
        assert (code, out.partition(":")[0]) == (0, "Usage")


def test_a_command_without_arguments_helps_unless_all_that_it_needs_is_set(run, configure):
    assert run("evaluate")[2].startswith("Usage")
    configure('pipeline = "igie"')
    assert run("evaluate")[2].startswith("Usage")
    configure('pipeline = "igie"\nengine = "no-such"')
    assert "unknown engine 'no-such'" in run("evaluate")[2]


def test_the_example_of_the_page_is_read(run, configure, widerface, tmp_path):
    configure(named_block(PAGE.read_text(), "configuration"))
    validate = read_settings("validate", {}, tmp_path)
    assert validate.texts("engine") == ("ort-cpu-fp32", "ort-cpu-fp16")
    assert (validate.texts("batch"), validate.texts("weights")) == (("8",), ("embedded",))
    words = ["--engine", f"{__name__}:Willing", "--model", "any.model", "--widerface", widerface]
    code, _, err = run("evaluate", *words)
    used = "engine-option, pipeline, skip-bad-images, weights"
    names, _, file = err.removeprefix("note: ").partition(" from ")
    assert (code, ", ".join(sorted(names.split(", ")))) == (0, used)
    assert file == f"{tmp_path / 'retinaface.toml'}\n"
    message = re.search(r"retinaface\.toml: (\[validate\] batc: .+)", PAGE.read_text())[1]
    configure("[validate]\nbatc = 3")
    assert message in run("runs", "x")[2]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("validte",), "No such command 'validte'; did you mean validate?"),
        (("assets", "lst"), "No such command 'lst'; did you mean list?"),
        (("zzzz",), "No such command 'zzzz'; expected validate, demo, assets"),
        (("--verson",), "No such option --verson; did you mean --version?"),
        (("evaluate", "--pipline", "igie"), "--pipline; did you mean --pipeline?"),
        (("validate", "--pipline", "igie"), "--pipline; did you mean --pipeline?"),
        (("validate", "--ful"), "--ful; did you mean --full?"),
        (("report", "x", "--outptu=x.html"), "--outptu; did you mean --output?"),
        (("detect", "a", "--pipeline", "upsteam-320"), "; did you mean upstream-320?"),
        (("score", "a", "--subset", "evry-8"), "'evry-8' is not 'every-8'; did you mean every-8?"),
        (("bench", "--engine", "ort-cpu-fp23"), "'ort-cpu-fp23'; did you mean ort-cpu-fp32?"),
        (("assets", "path", "wider_esy_val.mat"), "; did you mean wider_easy_val.mat?"),
        (("assets", "fetch", "WIDER_vall.zip"), "; did you mean WIDER_val.zip?"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_name(refuse, words, hint):
    refuse(*words, match=re.escape(hint))


def test_no_option_of_pytest_is_taken_for_a_typo(pytestconfig):
    from retinaface.cli.validate import _TYPO
    from retinaface.errors import nearest

    ours = {name for one in cli.commands["validate"].params for name in one.opts}
    groups = [*pytestconfig._parser._groups, pytestconfig._parser._anonymous]
    theirs = {name for group in groups for one in group.options for name in one.names()}
    long = [name for name in theirs - ours if name.startswith("--")]
    assert [name for name in long if nearest(name, ours, similar=_TYPO)] == ["--junit-xml"]


def test_a_choice_without_a_near_word_is_as_clicks_own():
    with pytest.raises(click.BadParameter, match="'zzz' is not one of 'a', 'b'"):
        Choice(["a", "b"]).convert("zzz", None, None)


@pytest.mark.parametrize("start", [["-m", "retinaface"], ["../bin/retinaface"]])
def test_a_factory_in_the_working_directory_is_found(start, tmp_path):
    """A console script has its own folder on the path, not the working directory."""
    work, script = tmp_path / "work", tmp_path / "bin" / "retinaface"
    work.mkdir()
    script.parent.mkdir()
    script.write_text("from retinaface.cli import main\nmain()\n")
    (work / "mine.py").write_text(
        "from retinaface.errors import EngineUnavailable\n"
        "def open_mine(spec):\n    raise EngineUnavailable('mine was opened')\n"
    )
    image(work / "a.png")
    (work / "any.model").touch()
    words = ["detect", "a.png", "--engine", "mine:open_mine", "--model", "any.model"]
    result = subprocess.run(
        [sys.executable, *start, *words], cwd=work, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (2, "retinaface: error: mine was opened\n")
