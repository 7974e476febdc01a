"""The names of options by command are those of the command line."""

import click
import pytest

from retinaface.cli import cli
from retinaface.suite.settings.known import COMMANDS, KNOWN, TYPED

KINDS = {"integer range": "count", "integer": "count", "float range": "number", "path": "path"}
KINDS |= {"boolean": "flag", "file": "path"}


def options(command):
    """List the options of a command, and of those below it, by long name."""
    if isinstance(command, click.Group):
        return {k: v for below in command.commands.values() for k, v in options(below).items()}
    return {
        long[0].removeprefix("--"): one
        for one in command.params
        if isinstance(one, click.Option)
        and (long := [name for name in one.opts if name.startswith("--")])
    }


@pytest.mark.parametrize("command", cli.commands)
def test_every_option_of_a_command_may_be_set(command):
    found = set(options(cli.commands[command])) - {"config", *TYPED}
    assert found == set(COMMANDS[command]), "retinaface/suite/settings/known.py lists them"


def test_there_are_no_other_commands_and_options():
    assert set(COMMANDS) == set(cli.commands)
    assert set(KNOWN) == {name for names in COMMANDS.values() for name in names}


def test_values_are_of_the_kind_that_the_command_takes():
    for command, names in COMMANDS.items():
        taken = options(cli.commands[command])
        for name in names:
            known, one = KNOWN[name], taken[name]
            assert known.separator is not None or not one.multiple, f"{command} --{name}"
            kind = KINDS.get(one.type.name)
            if kind is not None:
                assert known.kind == kind, f"{command} --{name}"
            else:
                assert known.kind in ("text", "choice") or known.words, f"{command} --{name}"
