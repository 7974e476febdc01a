"""Every command at 80 columns: nothing of the answer is lost, and no line is wider."""

import functools
import importlib
import json

import pytest

from retinaface.cli.answers import of_ab, of_agreement, of_evaluation, of_history, of_matrix
from retinaface.cli.output import terminal
from retinaface.suite.display.summary_tables import ap_table, speed_table
from tests.support.answers import AP, LONG, sample_answers
from tests.support.made.records import fidelity, make_run
from tests.support.sessions import make_session

WIDTHS = (80, 120)
# Where a command is shown; the package calls commands by the names of their modules.
SHOWN = {
    "agree": of_agreement.show,
    "evaluate": of_evaluation.show,
    "history": of_history.show,
    "matrix": of_matrix.show,
    "bench": importlib.import_module("retinaface.cli.one_engine.bench")._show,
    "soak": importlib.import_module("retinaface.cli.one_engine.soak")._show,
    "assets list": importlib.import_module("retinaface.cli.assets")._show_list,
    "assets fetch": importlib.import_module("retinaface.cli.assets")._show_paths,
    "assets path": importlib.import_module("retinaface.cli.assets")._show_path,
}
SHOWN |= {
    name: importlib.import_module(f"retinaface.cli.{name}")._show
    for name in ("score", "detect", "demo")
}
SHOWN |= {
    name: importlib.import_module(f"retinaface.cli.records.{name}")._show
    for name in ("report", "engines", "runs")
}


@pytest.fixture
def at_width(monkeypatch, capsys):
    """Call something on a terminal of a width, None for a pipe; give the lines."""

    def call(width, function):
        monkeypatch.setattr(terminal, "columns", lambda: width)
        function()
        return capsys.readouterr().out.splitlines()

    return call


def check_same(narrow, wide, width, *, commands=()):
    """Check that no word is lost and that no line is wider, but for what is copied whole."""
    words = [set(" ".join(lines).split()) for lines in (narrow, wide)]
    assert words[1] - words[0] == set()
    too_wide = [line for line in narrow if len(line) > width and len(line.split()) > 1]
    assert [line for line in too_wide if not line.lstrip().startswith(tuple(commands))] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("answer", sample_answers(), ids=lambda a: a.__struct_config__.tag)
@pytest.mark.parametrize("is_verbose", [False, True], ids=["", "verbose"])
def test_a_terminal_shows_all_that_a_pipe_gets(at_width, answer, width, is_verbose):
    def show():
        printer = terminal.Printer(is_verbose=is_verbose)
        SHOWN[answer.__struct_config__.tag](answer, printer)

    check_same(at_width(width, show), at_width(None, show), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_loses_nothing(at_width, run_quietly, tmp_path, width):
    old, new = (tmp_path / f"validate-ort13{i}-python314-on-the-new-board" for i in "23")
    make_run(old, result={"fidelity": [fidelity(0.5)]})
    make_run(new, shift=20.0, result={"fidelity": [fidelity(0.9)]})
    session = tmp_path / "turns.json"
    session.write_text(json.dumps(make_session("FAIL", engine=LONG)))
    for more in ([], ["-v"], ["--attribute"], ["--ab", session]):
        compare = functools.partial(run_quietly, "compare", old, new, *more)
        lines = [at_width(w, compare) for w in (width, None)]
        check_same(*lines, width, commands=["retinaface ab"])


def test_a_session_loses_nothing(at_width):
    import msgspec

    from retinaface.cli.answers.speed import AbResult, SideTimes

    content = make_session("PASS", engine=LONG)
    times = SideTimes(call_s=0.01, images_per_s=3200.0, ratio="x 1.300 [1.287, 1.313]")
    more = {
        "command": "ab",
        "pythons": {"A": "/opt/vendor/sdk-4.2.0/bin/python3", "B": "/opt/vendor/sdk-4.5.0"},
        "times": {side: msgspec.to_builtins(times) for side in ("A", "A again", "B")},
        "differences": [{"key": "packages/onnxruntime", "old": "1.32.0", "new": "1.33.0"}],
        "not_known": [],
    }
    answer = msgspec.convert({**content, **more}, AbResult)

    def show():
        of_ab.show(answer, terminal.Printer())

    check_same(at_width(80, show), at_width(None, show), 80)


def test_the_tables_that_end_a_validation_lose_nothing():
    results = [
        {
            "id": f"{LONG}--upstream-640--b{batch}",
            "ap": AP,
            "n_images": 67,
            "speed": {"network": {"images_per_s": 1234.5 * batch}},
        }
        for batch in (1, 8, 32, 64)
    ]
    for table in (ap_table, speed_table):
        check_same(table(results, 80), table(results, 400), 80)
