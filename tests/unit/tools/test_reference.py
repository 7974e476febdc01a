"""The reference pages of the docs say what the code says."""

import click
import pytest

import retinaface
from retinaface.cli import cli
from tools.reference.__main__ import FOLDER, PAGES
from tools.reference.commands import commands_page
from tools.reference.formats import formats_page


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_made_from_the_code(name):
    assert (FOLDER / name).read_text() == PAGES[name](), "write it again: python -m tools.reference"


def test_every_command_and_option_is_described():
    page = commands_page()
    for name, command in cli.commands.items():
        assert f"## retinaface {name}" in page
        below = command.commands.values() if isinstance(command, click.Group) else (command,)
        for one in below:
            for parameter in one.params:
                assert all(option in page for option in parameter.opts if option.startswith("-"))


def test_every_function_of_the_api_is_described():
    page = PAGES["python-api.md"]()
    functions = [n for n in retinaface.__all__ if n not in ("RetinaFaceError", "__version__")]
    assert [name for name in functions if f"## retinaface.{name}\n" not in page] == []


def test_types_inside_other_types_are_described_once():
    page = formats_page()
    for name in ("Record", "Result", "CheckResult", "Manifest", "AccuracyEntry", "GraphFacts"):
        assert page.count(f"### {name}\n") == 1
