"""The scorecard as text: 80 columns in a terminal, bars in Markdown, commands to copy."""

import shlex
from pathlib import Path

import pytest

from retinaface.report.content import build_page
from retinaface.report.markdown import render_markdown
from retinaface.report.scorecard import build_scorecard
from retinaface.report.scorecard_text import page_lines, terminal_lines
from tests.support.made.records import make_run
from tests.support.made.reports import VERDICTS, make_scored_run


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_terminal_of_80_columns_shows_all_of_it(tmp_path, monkeypatch, verdict):
    monkeypatch.chdir(tmp_path)  # a long path is one word
    lines = terminal_lines(build_scorecard(make_scored_run(Path("run"), verdict)))
    assert max(map(len, lines)) <= 80
    assert lines[0] == f"{verdict}  run"
    text = "\n".join(lines)
    for words in ("60 of the embedded set", "5 ran 1 skipped", "NOT ASKED    Layers as predicted?"):
        assert words in text
    assert "PASS         AP the same?               ███████░░░ 67 % left" in text


def test_a_wrapped_command_is_still_one_command(tmp_path):
    run = make_scored_run(tmp_path / ("a" * 60), "FAIL")
    card = build_scorecard(run)
    text = "\n".join(terminal_lines(card)).replace(" \\\n", " ")
    commands = [
        shlex.split(line) for line in text.splitlines() if line.startswith("    retinaface")
    ]
    assert commands == [shlex.split(command.text) for command in card.findings[0].commands]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_markdown_has_the_same_first_screen(tmp_path, verdict):
    page = build_page("Title", [make_scored_run(tmp_path / "run", verdict)], [], [], [])
    text = render_markdown(page)
    assert text.startswith(f"# {verdict}: Title\n")
    assert "- Images: **60** of the embedded set, not of WIDER FACE\n" in text
    assert "| **PASS** | AP the same? | `███████░░░` 67 % left | 76.70 | 76.90 |" in text
    assert "| **SKIPPED** | FP16 as predicted? |  |  |  |  | skipped: 1 test |" in text
    assert text.index("AP the same?") < text.index("## Least room left")
    assert ("    retinaface validate" in text) is (verdict != "PASS")


def test_several_runs_open_with_what_moved(tmp_path):
    from retinaface.comparison.compare import compare_runs

    runs = [make_scored_run(tmp_path / "a", "PASS"), make_run(tmp_path / "b", shift=20.0)]
    page = build_page("t", runs, [compare_runs(*runs)], [], [])
    first, *_ = page_lines(page)
    assert first.startswith("FAIL         b: ")
    text = render_markdown(page)
    assert text.index("- **b** FAIL") < text.index("## PASS: a") < text.index("### Least room left")
