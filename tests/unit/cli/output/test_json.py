"""JSON of every command: on standard output alone, of the documented schema."""

import json

import click
import jsonschema
import pytest

from retinaface.cli import cli
from retinaface.cli.answers.records import answers
from retinaface.cli.output.answer import json_schema, json_text
from tests.support.answers import sample_answers
from tests.support.made.records import make_run
from tools.reference.__main__ import SCHEMAS
from tools.reference.schemas import schemas

# Prints a program for a shell.
WITHOUT_ANSWER = ("completion",)


def leaves(command, name=""):
    if isinstance(command, click.Group):
        for word, one in command.commands.items():
            yield from leaves(one, f"{name} {word}".strip())
    elif name not in WITHOUT_ANSWER:
        yield name, command


def test_every_command_has_the_same_options_of_output():
    for name, command in leaves(cli):
        options = {option for one in command.params for option in one.opts}
        assert {"--json", "-q", "--quiet", "-v", "--verbose"} <= options, name


def test_every_command_has_an_answer_and_a_schema():
    assert sorted(answers()) == sorted(name for name, _ in leaves(cli))


def test_the_schemas_of_the_docs_are_those_of_the_code():
    """After a change of an answer: python -m tools.reference."""
    assert {path.name: path.read_text() for path in SCHEMAS.glob("*.json")} == schemas()


@pytest.mark.parametrize("answer", sample_answers(), ids=lambda a: a.__struct_config__.tag)
def test_an_answer_is_json_of_its_schema(answer):
    jsonschema.validate(json.loads(json_text(answer)), json_schema(type(answer)))


@pytest.fixture
def records(tmp_path):
    (tmp_path / "runs").mkdir()
    for name, shift in (("a", 0.0), ("b", 20.0)):
        make_run(tmp_path / "runs" / name, shift=shift)
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("words", "code"),
    [(["compare", "--attribute"], 1), (["runs"], 0), (["history"], 0), (["engines"], 0)],
)
def test_a_dash_prints_json_and_nothing_else(run_quietly, records, capsys, words, code):
    assert run_quietly(*words, records, "--json", "-") == code
    out, err = capsys.readouterr()
    content = json.loads(out)
    jsonschema.validate(content, json_schema(answers()[words[0]]))
    assert (content["command"], err) == (words[0], "")


def test_a_failure_prints_its_line_on_stderr_and_no_json(run_quietly, tmp_path, capsys):
    assert run_quietly("runs", tmp_path / "nothing", "--json", "-") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


def test_quiet_prints_the_answer_alone(run_quietly, records, tmp_path, capsys):
    file = tmp_path / "c.json"
    assert run_quietly("compare", records, "-q", "--json", file) == 1
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("b against a: FAIL", "VERDICT: FAIL", 3)
    assert json.loads(file.read_text())["verdict"] == "FAIL"


def test_a_verdict_has_no_colour_where_that_is_asked_for(run_quietly, records, capsys, monkeypatch):
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream, color=None: color is False)
    run_quietly("compare", records)
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    run_quietly("compare", records)
    assert "\x1b[" not in capsys.readouterr().out


def test_runs_give_every_figure_as_csv(run_quietly, records, tmp_path, capsys):
    assert run_quietly("runs", records, "--csv", "-") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("run,result,engine,pipeline,precision,batch,metric,value,unit,")
    assert run_quietly("runs", records, "--csv", tmp_path / "f.csv") == 0
    assert (tmp_path / "f.csv").read_text() == printed
    assert run_quietly("runs", records, "--csv", "-", "--json", "-") == 2
    assert "expected one of them on standard output" in capsys.readouterr().err


def test_markdown_is_appended_to_the_summary_of_a_step(
    run_quietly, records, tmp_path, monkeypatch, capsys
):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert run_quietly("compare", records, "--markdown") == 2
    assert "GITHUB_STEP_SUMMARY" in capsys.readouterr().err
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    for words in (["--markdown"], ["--markdown", summary]):
        assert run_quietly("compare", records, *words) == 1
    text = summary.read_text()
    assert text.startswith("# Before\n\n## FAIL: b against a\n")
    assert text.count("## FAIL: b against a\n") == 2
    other = tmp_path / "own.md"
    for _ in range(2):
        run_quietly("compare", records, "--markdown", other)
    assert other.read_text().count("## FAIL") == 1
